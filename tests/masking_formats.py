"""Log lines in the formats of public systems, each word that matters marked with what it is.

Written in our own words after the formats' documentation (named at each format); the lines are not
those the patterns were written for. Of the formats in `FORMATS` the lines behind `SCORED` were scored
before anything was tuned on them (users 23 of 29); since then they are like the others. Those of
`OTHERS` (users 11 of 19, causes 35 of 35) and `UNSEEN` (6 of 8, 25 of 27) were scored once before, and
are tuned on too. Those of `FRESH` are for scoring only: nothing is tuned on them. ``<kind|text>`` marks a user, an address, a mail address, a MAC,
a secret, or a word of the cause (``cause``) that must stay.
"""
# ruff: noqa: E501 - lines of logs are long

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

SCORED = "-- for scoring only --"  # first scored, later tuned on

FORMATS: dict[str, str] = {
    # httpd.apache.org/docs/2.4/logs.html, "Combined Log Format"; %u is the authenticated user
    "combined log": """
<address|93.184.216.34> - <user|frank> [10/Oct/2026:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326 "http://www.example.com/start.html" "Mozilla/4.08 [en]"
10.1.2.3 - - [10/Oct/2026:13:55:37 -0700] "GET <cause|/users/search>?q=shoes HTTP/1.1" 500 612 "-" "<cause|okhttp/4.9>"
<address|2a00:1450:4001:81b::200e> - <user|m.larsen> [10/Oct/2026:13:55:38 -0700] "PUT /home/basket HTTP/2.0" 499 0 "-" "-"
<address|185.60.216.35> - - [10/Oct/2026:13:55:39 -0700] "GET /reset?token=<secret|9f3kQ2mZx81LtWq> HTTP/1.1" 302 5 "-" "curl/8.1"
10.1.2.4 - - [10/Oct/2026:13:55:40 -0700] "POST <cause|/api/users/bulk> HTTP/1.1" 503 19 "-" "<cause|python-requests/2.31>"
[Wed Oct 10 13:55:41 2026] [core:error] [pid 35708:tid 4328636416] [client <address|72.15.99.187>:51244] File does not exist: /usr/local/apache2/htdocs/<cause|favicon.ico>
-- for scoring only --
<address|104.16.132.229> - <user|kjohansson> [11/Oct/2026:02:10:00 +0000] "GET /accounts/summary HTTP/1.1" 401 381 "-" "Mozilla/5.0"
10.1.2.9 - - [11/Oct/2026:02:10:01 +0000] "GET <cause|/users/me/orders> HTTP/1.1" 504 160 "https://shop.internal/users/login" "<cause|Apache-HttpClient/4.5.13>"
<address|151.101.1.69> - <user|t.okafor> [11/Oct/2026:02:10:02 +0000] "DELETE /users/sessions HTTP/1.1" 204 0 "-" "-"
10.1.2.9 - - [11/Oct/2026:02:10:03 +0000] "GET <cause|/home/banners> HTTP/1.1" 200 77 "-" "kube-probe/1.29"
[Sun Oct 11 02:10:04 2026] [proxy:error] [pid 35:tid 140] (111)Connection refused: AH00957: http: attempt to connect to <cause|10.4.4.4:8080> (<cause|catalog-backend>) failed
""",
    # nginx.org/en/docs/ngx_core_module.html, error_log; the http module's context of a message
    "nginx": """
2026/01/31 12:00:01 [error] 31#31: *1402 upstream timed out (110: Connection timed out) while reading response header from upstream, client: <address|91.198.174.192>, server: shop.example.com, request: "POST /checkout HTTP/1.1", upstream: "<cause|http://10.0.3.7:8080/checkout>", host: "shop.example.com"
2026/01/31 12:00:02 [crit] 31#31: *1403 SSL_do_handshake() failed (SSL: error:0A000416:SSL routines::sslv3 alert certificate unknown) while SSL handshaking, client: 10.0.0.4
2026/01/31 12:00:03 [error] 31#31: *1404 user "<user|p.moreau>": password mismatch, client: <address|80.67.169.12>, server: admin.example.com
2026/01/31 12:00:04 [warn] 31#31: <cause|worker_connections> are not enough while connecting to upstream <cause|orders-v2>
-- for scoring only --
2026/01/31 13:10:01 [error] 7#7: *88 user "<user|h.takeda>" was not found in "/etc/nginx/htpasswd", client: <address|198.41.0.4>, server: status.example.com
2026/01/31 13:10:02 [error] 7#7: *89 no live upstreams while connecting to upstream, client: 10.2.0.9, upstream: "<cause|http://cart-pool/items>"
2026/01/31 13:10:03 [alert] 7#7: *90 <cause|open()> "/var/lib/nginx/tmp/<cause|proxy_temp>/1" failed (28: No space left on device)
""",
    # OpenSSH sshd(8), auth.c and auth2.c messages; pam_unix(8); sudo(8), "Log format"
    "sshd, PAM, sudo": """
Jan 31 04:12:01 bastion sshd[4412]: Failed password for <user|elin.strand> from <address|203.0.114.7> port 55122 ssh2
Jan 31 04:12:02 bastion sshd[4413]: Invalid user <user|jsmith> from <address|45.33.32.156> port 40022
Jan 31 04:12:03 bastion sshd[4414]: Connection closed by authenticating user <user|carolin> <address|45.33.32.156> port 40023 [preauth]
Jan 31 04:12:04 bastion sshd[4415]: Disconnected from user <user|rvega> <address|45.33.32.157> port 40024
Jan 31 04:12:05 bastion sshd[4416]: pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=<address|45.33.32.158>  user=<user|rvega>
Jan 31 04:12:06 bastion sudo:   <user|oyelaran> : TTY=pts/3 ; PWD=/srv ; USER=root ; COMMAND=/usr/bin/<cause|systemctl> restart <cause|postgresql@15-main.service>
Jan 31 04:12:07 bastion systemd-logind[511]: New session 4102 of user <user|oyelaran>.
Jan 31 04:12:08 bastion sshd[4417]: error: maximum authentication attempts exceeded for <user|ngugi> from <address|45.33.32.159> port 4 ssh2 [preauth]
Jan 31 04:12:09 bastion su[4418]: (to root) <user|oyelaran> on pts/3
-- for scoring only --
Jan 31 05:00:01 bastion sshd[551]: Accepted password for <user|d.fischer> from <address|62.210.16.6> port 22144 ssh2
Jan 31 05:00:02 bastion sshd[552]: Received disconnect from <address|62.210.16.7> port 50: 11: disconnected by user
Jan 31 05:00:03 bastion sshd[553]: User <user|backhaus> from <address|62.210.16.8> not allowed because not listed in AllowUsers
Jan 31 05:00:04 bastion sshd[554]: pam_unix(sshd:session): session closed for user <user|d.fischer>
Jan 31 05:00:05 bastion sudo:   <user|ibrahim> : 3 incorrect password attempts ; TTY=pts/1 ; PWD=/ ; USER=root ; COMMAND=/bin/<cause|kubectl> drain <cause|node-7>
Jan 31 05:00:06 bastion systemd-logind[511]: Removed session 4102.
Jan 31 05:00:07 bastion systemd[1]: <cause|user@1000.service>: Main process exited, code=exited, status=1/FAILURE
""",
    # cron(8), crontab(5): CRON[pid]: (user) CMD (command)
    "cron": """
Jan 31 04:17:01 batch CRON[9121]: (root) CMD (   cd / && run-parts --report /etc/<cause|cron.hourly>)
Jan 31 04:20:01 batch CRON[9140]: (<user|hmeier>) CMD (/opt/reports/<cause|nightly.sh> --store 4)
Jan 31 04:21:01 batch crontab[9150]: (<user|hmeier>) REPLACE (<user|hmeier>)
Jan 31 04:22:01 batch cron[800]: (*system*) RELOAD (/etc/cron.d/<cause|vacuum>)
-- for scoring only --
Jan 31 06:00:01 batch CRON[77]: (<user|s.lindqvist>) CMD (/usr/bin/<cause|pg_dump> orders | gzip > /backup/o.gz)
Jan 31 06:00:02 batch CRON[78]: pam_unix(cron:session): session opened for user <user|s.lindqvist>(uid=1004) by (uid=0)
Jan 31 06:00:03 batch cron[80]: (<cause|postgres>) WRONG FILE OWNER (/etc/cron.d/<cause|pgstats>)
""",
    # postgresql.org/docs/15/runtime-config-logging.html, log_line_prefix '%m [%p] %q%u@%d '
    "PostgreSQL": """
2026-01-31 12:00:01.201 UTC [812] <user|lena.koch>@warehouse FATAL:  password authentication failed for user "<user|lena.koch>"
2026-01-31 12:00:02.201 UTC [813] LOG:  connection received: host=<address|88.198.23.7> port=40122
2026-01-31 12:00:03.201 UTC [814] ERROR:  deadlock detected at character 7
2026-01-31 12:00:04.201 UTC [814] DETAIL:  Process 814 waits for ShareLock on transaction 90211; blocked by process 815. <cause|user replication slot> "<cause|standby_2>" is active
2026-01-31 12:00:05.201 UTC [816] LOG:  connection authorized: user=<user|tobias> database=warehouse application_name=<cause|psql>
2026-01-31 12:00:06.201 UTC [817] FATAL:  remaining connection slots are reserved for <cause|non-replication superuser connections>
2026-01-31 12:00:07.201 UTC [818] LOG:  disconnection: session time: 0:00:01.007 user=<user|tobias> database=warehouse host=10.0.0.9 port=51002
2026-01-31 12:00:08.201 UTC [819] FATAL:  role "<user|sabine>" does not exist
2026-01-31 12:00:09.201 UTC [820] LOG:  <cause|checkpoints are occurring too frequently> (12 seconds apart)
-- for scoring only --
2026-01-31 14:00:01.201 UTC [92] <user|m_bauer>@ledger ERROR:  permission denied for table <cause|invoices>
2026-01-31 14:00:02.201 UTC [93] FATAL:  no pg_hba.conf entry for host "<address|88.198.23.8>", user "<user|m_bauer>", database "ledger", SSL off
2026-01-31 14:00:03.201 UTC [94] LOG:  replication terminated by <cause|primary server>
2026-01-31 14:00:04.201 UTC [95] FATAL:  sorry, too many clients already for <cause|user mapping cache>
2026-01-31 14:00:05.201 UTC [96] STATEMENT:  SELECT * FROM <cause|users> WHERE <cause|owner>='<cause|warehouse-7>' FOR UPDATE
""",
    # web.mit.edu/kerberos/krb5-latest, krb5kdc.log: AS_REQ (etypes) address: result: authtime, client for server
    "Kerberos": """
Jan 31 12:00:01 kdc1 krb5kdc[771](info): AS_REQ (8 etypes {18 17 20 19}) <address|134.76.12.4>: ISSUE: authtime 1769860801, etypes {rep=18 tkt=18 ses=18}, <user|akumar>@<cause|SHOP.EXAMPLE> for krbtgt/<cause|SHOP.EXAMPLE>@<cause|SHOP.EXAMPLE>
Jan 31 12:00:02 kdc1 krb5kdc[771](info): TGS_REQ (4 etypes {18 17}) 10.0.0.12: LOOKING_UP_SERVER: authtime 0,  <user|akumar>@SHOP.EXAMPLE for <cause|HTTP/orders.shop.example>@SHOP.EXAMPLE, Server not found in Kerberos database
Jan 31 12:00:03 kdc1 krb5kdc[771](info): AS_REQ (6 etypes {18}) <address|134.76.12.5>: CLIENT_NOT_FOUND: <user|bwong>@SHOP.EXAMPLE for krbtgt/SHOP.EXAMPLE@SHOP.EXAMPLE, Client not found in Kerberos database
Jan 31 12:00:04 kdc1 kadmind[772](Notice): Request: kadm5_get_principal, <user|lto/admin>@SHOP.EXAMPLE, success, client=<user|lto/admin>@SHOP.EXAMPLE, service=<cause|kadmin/kdc1>@SHOP.EXAMPLE, addr=10.0.0.3
-- for scoring only --
Jan 31 15:00:01 kdc1 krb5kdc[771](info): AS_REQ (8 etypes {18 17}) <address|134.76.12.9>: NEEDED_PREAUTH: <user|fnilsson>@SHOP.EXAMPLE for krbtgt/SHOP.EXAMPLE@SHOP.EXAMPLE, Additional pre-authentication required
Jan 31 15:00:02 kdc1 krb5kdc[771](info): TGS_REQ (2 etypes {18}) 10.0.0.14: ISSUE: authtime 1769871602, etypes {rep=18}, <cause|nfs/files.shop.example>@SHOP.EXAMPLE for <cause|host/node-3.shop.example>@SHOP.EXAMPLE
""",
    # kafka.apache.org/documentation, log4j pattern [%d] %p %m (%c); the authorizer's log
    "Kafka": """
[2026-01-31 12:00:01,101] INFO [GroupCoordinator 2]: Preparing to rebalance group <cause|orders-consumer> in state PreparingRebalance with old generation 41 (reason: removing member <cause|consumer-orders-7> on heartbeat expiration) (kafka.coordinator.group.GroupCoordinator)
[2026-01-31 12:00:02,101] INFO Principal = User:<user|carol> is Denied Operation = Write from host = <address|54.36.1.9> on resource = Topic:LITERAL:<cause|payments> (kafka.authorizer.logger)
[2026-01-31 12:00:03,101] ERROR Error while accepting connection (kafka.network.Acceptor) java.io.IOException: <cause|Too many open files>
[2026-01-31 12:00:04,101] WARN [SocketServer brokerId=2] Unexpected error from <cause|/10.0.4.5>; closing connection (org.apache.kafka.common.network.Selector)
[2026-01-31 12:00:05,101] INFO [Partition <cause|orders-3> broker=2] Shrinking ISR from 1,2,3 to 2 (kafka.cluster.Partition)
-- for scoring only --
[2026-01-31 16:00:01,101] INFO Principal = User:<user|dmitri> is Allowed Operation = Describe from host = 10.1.1.1 on resource = Group:LITERAL:<cause|billing-sync> (kafka.authorizer.logger)
[2026-01-31 16:00:02,101] WARN [Consumer clientId=<cause|consumer-billing-1>, groupId=<cause|billing>] Connection to node 3 (<cause|kafka-3.internal>/10.1.1.3:9092) could not be established. (org.apache.kafka.clients.NetworkClient)
[2026-01-31 16:00:03,101] ERROR [ReplicaManager broker=1] Error processing append operation on partition <cause|__consumer_offsets-12> (kafka.server.ReplicaManager)
""",
    # spark.apache.org/docs/latest/configuration.html#configuring-logging, SecurityManager's line
    "Spark": """
26/01/31 12:00:01 INFO SecurityManager: Changing view acls to: <user|datasci7>
26/01/31 12:00:02 INFO SecurityManager: SecurityManager: authentication disabled; ui acls disabled; users with view permissions: <user|datasci7>; groups with view permissions: EMPTY; users with modify permissions: <user|datasci7>; groups with modify permissions: EMPTY
26/01/31 12:00:03 WARN TaskSetManager: Lost task 4.0 in stage 12.0 (TID 991) (<cause|worker-5.spark.internal> executor 3): java.lang.OutOfMemoryError: <cause|Java heap space>
26/01/31 12:00:04 INFO BlockManagerInfo: Removed <cause|broadcast_7_piece0> on 10.0.9.2:41877 in memory (size: 4.1 KiB, free: 366.3 MiB)
26/01/31 12:00:05 ERROR YarnScheduler: Lost executor 3 on <cause|worker-5>: Container killed by YARN for exceeding memory limits
-- for scoring only --
26/01/31 17:00:01 INFO SecurityManager: Changing modify acls to: <user|kpatel>
26/01/31 17:00:02 INFO Client: Application report for <cause|application_1769_0042> (state: RUNNING) user: <user|kpatel> queue: <cause|etl>
26/01/31 17:00:03 WARN DFSClient: Slow ReadProcessor read fields took 31000ms (threshold=30000ms); ack: seqno: 4; targets: [DatanodeInfoWithStorage[<cause|10.0.9.8:9866>]]
""",
    # hadoop.apache.org/docs/stable, HDFS audit log: allowed ugi ip cmd src dst perm
    "HDFS": """
2026-01-31 12:00:01,301 INFO FSNamesystem.audit: allowed=true ugi=<user|spatel> (auth:KERBEROS) ip=/<address|129.114.3.2> cmd=open src=/data/<cause|orders/part-0007> dst=null perm=null proto=rpc
2026-01-31 12:00:02,301 INFO FSNamesystem.audit: allowed=false ugi=hive (auth:SIMPLE) ip=/10.0.7.7 cmd=delete src=/user/<user|rmoss>/staging dst=null perm=null
2026-01-31 12:00:03,301 WARN DataNode: IOException in BlockReceiver.run(): java.io.IOException: <cause|Broken pipe> for BP-1-10.0.7.1-160:<cause|blk_1073741825_1001>
2026-01-31 12:00:04,301 INFO dfs.StateChange: BLOCK* allocate blk_1073741826_1002, replicas=<cause|10.0.7.3:9866> for /user/<user|rmoss>/out/_temporary/0
-- for scoring only --
2026-01-31 18:00:01,301 INFO FSNamesystem.audit: allowed=true ugi=<user|jwilliams> (auth:TOKEN) ip=/10.0.7.9 cmd=rename src=/user/<user|jwilliams>/in dst=/user/<user|jwilliams>/done perm=<user|jwilliams>:<cause|analysts>:rwxr-x---
2026-01-31 18:00:02,301 ERROR NameNode: Failed to start namenode. java.io.IOException: <cause|NameNode is not formatted>
""",
    # postfix.org documentation; doc.dovecot.org, login messages
    "mail": """
Jan 31 12:00:01 mx1 postfix/smtpd[311]: connect from unknown[<address|77.88.21.3>]
Jan 31 12:00:02 mx1 postfix/smtpd[311]: warning: unknown[<address|77.88.21.3>]: SASL LOGIN authentication failed: UGFzc3dvcmQ6, sasl_username=<user|accounting.dept>
Jan 31 12:00:03 mx1 postfix/qmgr[99]: 3F1B2: from=<mail|olga.petrova@shop-mail.net>, size=2120, nrcpt=1 (queue active)
Jan 31 12:00:04 mx1 dovecot: imap-login: Login: user=<user|olga.petrova>, method=PLAIN, rip=<address|77.88.21.4>, lip=10.0.0.25, mpid=771, TLS, session=<secret|Xh3kfQ2Lw7mVb0Zt>
Jan 31 12:00:05 mx1 postfix/smtp[312]: 3F1B2: host <cause|mx2.partner.example>[10.9.9.9] said: 452 4.3.1 <cause|Insufficient system storage> (in reply to MAIL FROM command)
-- for scoring only --
Jan 31 19:00:01 mx1 postfix/smtpd[8]: NOQUEUE: reject: RCPT from unknown[<address|77.88.55.60>]: 554 5.7.1 Relay access denied; from=<mail|info@spam-host.org> to=<mail|eva.lind@shop-mail.net> proto=ESMTP helo=<cause|mailer>
Jan 31 19:00:02 mx1 dovecot: pop3-login: Disconnected: Inactivity (auth failed, 1 attempts in 2 secs): user=<user|eva.lind>, method=PLAIN, rip=<address|77.88.55.61>, lip=10.0.0.25
Jan 31 19:00:03 mx1 postfix/master[2]: warning: process /usr/lib/postfix/<cause|smtpd> pid 8 exit status 1
""",
    # learn.microsoft.com, Windows security auditing, events 4624, 4625, 4740, 7036
    "Windows": """
4624 An account was successfully logged on. Subject: Security ID: S-1-5-18 Account Name: <cause|APP01$> New Logon: Account Name: <user|Marta.Nowak> Account Domain: CORP Logon Process: <cause|Kerberos> Source Network Address: <address|89.64.1.7>
4625 An account failed to log on. Account For Which Logon Failed: Account Name: <user|svc-ana.reis> Account Domain: CORP Failure Reason: <cause|Unknown user name or bad password>. Workstation Name: <cause|WS-114>
4740 A user account was locked out. Account That Was Locked Out: Security ID: CORP\\<user|jdupont> Account Name: <user|jdupont> Additional Information: Caller Computer Name: <cause|FILES02>
7036 The <cause|Windows Update> service entered the stopped state.
Faulting application name: <cause|w3wp.exe>, version: 10.0.17763.1, faulting module name: <cause|KERNELBASE.dll>, exception code: 0xe0434352, user NT AUTHORITY\\<cause|SYSTEM>
-- for scoring only --
4634 An account was logged off. Subject: Account Name: <user|P.Santos> Account Domain: CORP Logon ID: 0x149be Logon Type: 3
4776 The computer attempted to validate the credentials for an account. Logon Account: <user|lgarcia> Source Workstation: <cause|WS-207> Error Code: 0xc000006a
1000 Faulting application <cause|SqlServr.exe>, fault offset 0x0, started by CORP\\<user|lgarcia>
7031 The <cause|Print Spooler> service terminated unexpectedly. It has done this 3 time(s).
""",
    # kubernetes.io/docs, klog header; auditing; events
    "Kubernetes": """
E0131 12:00:01.101    1 kubelet.go:1991] "Error syncing pod" err="failed to pull image <cause|registry.internal/orders@sha256:9f86d081>: unauthorized" pod="<cause|shop/orders-7d9f8b6c5-x2xk7>"
I0131 12:00:02.101    1 httplog.go:129] "HTTP" verb="PATCH" URI="/apis/apps/v1/namespaces/shop/deployments/<cause|orders>" userAgent="<cause|kubectl/v1.29>" srcIP="<address|217.160.0.9>:51877" user="<user|marek@shop-ops.io>"
{"kind":"Event","level":"Metadata","verb":"delete","user":{"username":"<user|giulia>","groups":["<cause|system:authenticated>"]},"sourceIPs":["<address|217.160.0.10>"],"objectRef":{"resource":"pods","namespace":"shop","name":"<cause|cart-0>"}}
W0131 12:00:03.101    1 reflector.go:535] User "<cause|system:serviceaccount:shop:cart>" cannot list resource "<cause|secrets>" in API group "" in the namespace "shop"
Warning  FailedScheduling  <cause|default-scheduler>  0/3 nodes are available: 1 node(s) had untolerated taint {<cause|dedicated: batch>}, 2 <cause|Insufficient cpu>.
-- for scoring only --
I0131 20:00:01.101    1 rbac.go:109] RBAC: no rules authorize user "<user|paulo>" with groups ["<cause|shop-devs>" "system:authenticated"] to "create" resource "<cause|pods/exec>" named "web-1" in namespace "shop"
E0131 20:00:02.101    1 controller.go:114] loading OpenAPI spec for "<cause|v1beta1.metrics.k8s.io>" failed with: failed to retrieve openAPI spec
Warning  BackOff  kubelet  Back-off restarting failed container <cause|card-service> in pod <cause|pay-5c9d_shop(0e1d)>
""",
    # json of log libraries: ECS (elastic.co/guide/en/ecs), OpenTelemetry semantic conventions
    "JSON": """
{"@timestamp":"2026-01-31T12:00:01Z","log.level":"warn","message":"login rejected","user.name":"<user|yuki.mori>","source.ip":"<address|126.1.2.3>","labels":{"owner":"<cause|team-payments>","sid":"<cause|orders1>"}}
{"level":"error","msg":"slow query","db.statement":"select 1","card":"<cause|eth2>","pin":"<cause|7>","peer":"<cause|rabbit@mq-2>","took_ms":812}
{"severity":"ERROR","body":"charge failed","payment":{"card_number":"<secret|4539 1488 0343 6467>","token":"<secret|tok_9sKd82LmQpz71>"},"host":"<cause|pay-2>"}
{"level":"info","msg":"session started","session_id":"<secret|b7Qx92LmN0sK81>","email":"<mail|sofia.rossi@shop-mail.net>","worker":"<cause|celery@worker-1>"}
{"level":"warn","msg":"lease lost","actor":"<cause|controller-2>","owner":"<cause|team-checkout>","key":"<cause|locks/orders>"}
-- for scoring only --
{"level":"warn","msg":"password expired","user_id":"<user|n.ferreira>","client":{"address":"<address|126.4.5.6>"},"service":"<cause|auth-proxy>"}
{"level":"error","msg":"node down","node":"<cause|rabbit@queue-7>","owner":"<cause|team-search>","sid":"<cause|ledger2>","card":"<cause|enp3s0>"}
{"level":"info","msg":"token refreshed","access_token":"<secret|ya7Lm3Qp0ZsK2xVt>","sub":"<user|n.ferreira>"}
{"level":"error","msg":"invalid pin count","pins":"<cause|14>","auth":"<cause|kerberos>","session":"<cause|expired>"}
""",
    # RabbitMQ, Celery, Redis, systemd units, Oracle's listener, NICs: names with @ and = that are no person
    "nodes and units": """
2026-01-31 12:00:01.001 [error] <0.311.0> rabbit on node <cause|rabbit@mq-2> down: <cause|net_tick_timeout>
[2026-01-31 12:00:02,001: WARNING/MainProcess] missed heartbeat from <cause|celery@worker-1>
Jan 31 12:00:03 db1 systemd[1]: <cause|postgresql@15-main.service>: Failed with result 'oom-kill'.
31-JAN-2026 12:00:04 * (CONNECT_DATA=(<cause|SID=orders1>)(CID=(PROGRAM=<cause|sqlplus>)(HOST=<cause|app7>)(USER=<user|rlopez>))) * 12505
Jan 31 12:00:05 hv2 kernel: <cause|card=eth2> link is down, resetting
alert <cause|HighErrorRate> fired for <cause|owner=team-payments> severity=page
Jan 31 12:00:06 hv2 kernel: e1000e 0000:00:1f.6 <cause|eth0>: hardware address <mac|3c:52:82:6b:0e:11>
1:M 31 Jan 2026 12:00:07.001 # Connection with <cause|replica 10.0.0.8:6379> lost.
wlan0: authenticate with <mac|a4-83-e7-10-22-9c>, <cause|reason=15>
-- for scoring only --
2026-01-31 21:00:01.001 [warning] <0.9.0> rabbit on node <cause|rabbit@queue-7> partitioned from <cause|rabbit@queue-8>
[2026-01-31 21:00:02,001: ERROR/MainProcess] no reply from <cause|celery@mailer-04>
Jan 31 21:00:03 web2 systemd[1]: <cause|php-fpm@8.2.service>: Start request repeated too quickly.
Jan 31 21:00:04 web2 systemd[1]: <cause|getty@tty1.service>: Scheduled restart job, restart counter is at 3.
alert <cause|DiskFull> <cause|owner=team-storage> <cause|sid=ledger2> <cause|card=enp3s0>
Jan 31 21:00:05 hv3 dhcpd: DHCPDISCOVER from <mac|b8:27:eb:4f:15:09> via <cause|vlan30>
""",
    # MySQL error log and general log; ldap; VPN: dev.mysql.com, openldap.org, strongswan docs
    "MySQL, LDAP, VPN": """
2026-01-31T12:00:01.000000Z 8 [Note] [MY-010926] [Server] Access denied for user '<user|emre>'@'<address|78.46.1.5>' (using password: YES)
2026-01-31T12:00:02.000000Z 9 [Warning] [MY-010055] [Server] <cause|IP address '10.0.0.7' could not be resolved>
2026-01-31T12:00:03.000000Z 0 [ERROR] [MY-012592] [InnoDB] <cause|Operating system error number 28> in a file operation.
conn=1042 fd=14 op=0 BIND dn="uid=<user|clara.vogt>,ou=staff,dc=shop,dc=example" method=128
12[IKE] received EAP identity '<user|i.costa>' from <address|78.46.1.6>
-- for scoring only --
2026-01-31T22:00:01.000000Z 4 [Note] [MY-010914] [Server] Aborted connection 4 to db: 'orders' user: '<user|farah>' host: '10.0.0.9' (<cause|Got timeout reading communication packets>).
conn=7 op=2 SRCH base="ou=groups,dc=shop,dc=example" scope=2 filter="(memberUid=<user|farah>)"
openvpn[5]: <address|78.46.9.9>:1194 [<user|g.hansen>] Inactivity timeout (<cause|--ping-restart>), restarting
""",
}

# Vault, Elasticsearch, MongoDB, Jenkins, Airflow, Keycloak, Tomcat, ZooKeeper, Consul, Squid,
# vsftpd, Samba, auditd, HAProxy, GitLab, CUPS, SQL Server, Cassandra: each after its own manual.
OTHERS: dict[str, str] = {
    "auditd": """
type=USER_LOGIN msg=audit(1769860801.101:412): pid=812 uid=0 auid=4294967295 ses=4294967295 msg='op=login acct="<user|w.novak>" exe="/usr/sbin/sshd" hostname=? addr=<address|80.94.92.1> terminal=ssh res=failed'
type=SERVICE_STOP msg=audit(1769860802.101:413): pid=1 uid=0 msg='unit=<cause|postgresql@15-main> comm="systemd" exe="/lib/systemd/systemd" res=failed'
type=AVC msg=audit(1769860803.101:414): avc:  denied  { <cause|name_bind> } for  pid=99 comm="<cause|orders>" src=8443 scontext=<cause|system_u:system_r:httpd_t:s0>
""",
    "Elasticsearch": """
[2026-01-31T12:00:01,101][WARN ][o.e.x.s.a.AuthenticationService] [es-2] Authentication to realm default_native failed - Password authentication failed for <user|b.hughes>
[2026-01-31T12:00:02,101][WARN ][o.e.c.r.a.DiskThresholdMonitor] [<cause|es-2>] high disk watermark [90%] exceeded on [<cause|kX9h>][es-2] free: 41gb[8.1%], shards will be relocated away from this node
[2026-01-31T12:00:03,101][ERROR][o.e.b.Bootstrap] [es-3] Exception <cause|java.nio.file.AccessDeniedException>: /var/lib/elasticsearch/<cause|nodes>
{"type":"audit","event.action":"authentication_failed","user.name":"<user|c.dubois>","origin.address":"<address|193.34.8.1>:50112","url.path":"<cause|/_security/user/_search>","request.method":"POST"}
""",
    "MongoDB": """
{"t":{"$date":"2026-01-31T12:00:01.101Z"},"s":"I","c":"ACCESS","id":20249,"ctx":"conn41","msg":"Authentication failed","attr":{"mechanism":"SCRAM-SHA-256","principalName":"<user|adele>","authenticationDatabase":"admin","remote":"<address|193.34.8.9>:41002"}}
{"t":{"$date":"2026-01-31T12:00:02.101Z"},"s":"W","c":"QUERY","id":23799,"ctx":"conn42","msg":"Slow query","attr":{"ns":"<cause|shop.users>","planSummary":"<cause|COLLSCAN>","durationMillis":5103}}
""",
    "Vault": """
{"type":"request","auth":{"display_name":"<user|ldap-ewalker>","metadata":{"username":"<user|ewalker>"},"token_type":"<cause|service>"},"request":{"path":"<cause|secret/data/orders>","operation":"read","remote_address":"<address|46.4.1.2>"}}
2026-01-31T12:00:02.101Z [ERROR] core: failed to <cause|unseal>: error="<cause|stored unseal keys are supported, but none were found>"
""",
    "Jenkins, GitLab, Airflow": """
2026-01-31 12:00:01.101+0000 [id=91] INFO hudson.model.Run#execute: <cause|deploy-orders #412> main build action completed: FAILURE
Started by user <user|Priya>
{"severity":"INFO","method":"POST","path":"<cause|/api/v4/users/keys>","controller":"Projects","remote_ip":"<address|46.4.1.3>","username":"<user|l.brandt>","status":503}
[2026-01-31T12:00:03.101+0000] {taskinstance.py:1398} INFO - Marking task as FAILED. dag_id=<cause|nightly_orders>, task_id=<cause|load_users>, run_id=manual__2026
[2026-01-31T12:00:04.101+0000] {standard_task_runner.py:57} INFO - Started process 812 to run task, owner: <user|amandav>, queue: <cause|default>
gitlab-shell: user <user|l.brandt> is not allowed to push to <cause|protected branch main>
""",
    "Keycloak, Tomcat": """
2026-01-31 12:00:01,101 WARN  [org.keycloak.events] (executor-thread-4) type=LOGIN_ERROR, realmId=shop, clientId=<cause|web-frontend>, userId=null, ipAddress=<address|46.4.1.4>, error=<cause|user_temporarily_disabled>, auth_method=openid-connect, username=<user|g.ricci>
31-Jan-2026 12:00:02.101 SEVERE [main] org.apache.catalina.core.StandardService.initInternal Failed to initialize connector [Connector[HTTP/1.1-<cause|8080>]]
31-Jan-2026 12:00:03.101 WARNING [http-nio-8080-exec-7] org.apache.catalina.realm.LockOutRealm.filterLockedAccounts An attempt was made to authenticate the locked user [<user|tomek>]
""",
    "ZooKeeper, Consul, Cassandra": """
2026-01-31 12:00:01,101 [myid:2] - WARN  [NIOWorkerThread-3:NIOServerCnxn@371] - Unable to read additional data from client sessionid 0x20000a, likely client has closed socket
2026-01-31T12:00:02.101Z [WARN]  agent: Check is now critical: check=<cause|service:orders-1>
WARN  [<cause|GossipTasks:1>] 2026-01-31 12:00:03,101 FailureDetector.java:288 - Not marking nodes down due to local pause of 9.1s
ERROR [Native-Transport-Requests-2] 2026-01-31 12:00:04,101 - Provided username <user|oskar> and/or password are incorrect for <cause|keyspace users_by_id>
""",
    "Squid, vsftpd, Samba, CUPS": """
1769860801.101   2041 10.0.2.2 TCP_DENIED/407 4103 CONNECT <cause|updates.example.org:443> <user|pkowal> HIER_NONE/- text/html
Sat Jan 31 12:00:02 2026 [pid 91] [<user|ftpmia>] FAIL LOGIN: Client "<address|46.4.1.5>"
[2026/01/31 12:00:03.101,  2] ../source3/auth/auth.c:345(auth_check_ntlm_password) check_ntlm_password:  Authentication for user [<user|rhea>] -> [<user|rhea>] FAILED with error <cause|NT_STATUS_WRONG_PASSWORD>
localhost - <user|pkowal> [31/Jan/2026:12:00:04 +0000] "POST /printers/<cause|hall-2> HTTP/1.1" 401 181 Print-Job
""",
    "HAProxy, SQL Server": """
Jan 31 12:00:01 lb1 haproxy[71]: Server <cause|be_orders/orders-3> is DOWN, reason: Layer4 timeout, check duration: 2001ms. 1 active and 0 backup servers left.
2026-01-31 12:00:02.10 Logon       Login failed for user '<user|reports_jan>'. Reason: <cause|Could not find a login matching the name provided>. [CLIENT: <address|46.4.1.6>]
2026-01-31 12:00:03.10 spid52      Error: 1205, Severity: 13. Transaction (Process ID 52) was <cause|deadlocked on lock resources>
2026-01-31 12:00:04.10 spid9s      SQL Server has encountered 3 occurrence(s) of <cause|I/O requests taking longer than 15 seconds> on file [D:\\data\\<cause|users.mdf>]
""",
}

# FreeRADIUS, Cisco IOS, Okta, Entra ID, Cloud Audit Logs, CloudTrail, Grafana, Argo CD, Envoy, BIND,
# ProFTPD, Keystone, libvirt, Nextcloud, WordPress, Icinga, ClickHouse, Couchbase, Slurm, NFS, Puppet.
UNSEEN: dict[str, str] = {
    "network": """
Sat Jan 31 12:00:01 2026 : Auth: (41) Login incorrect (pap: Crypt digest does not match "known good" digest): [<user|nadia.r>] (from client <cause|wlc-1> port 13 cli <mac|44-85-00-1a-2b-3c>)
000812: Jan 31 12:00:02.101: %SEC_LOGIN-4-LOGIN_FAILED: Login failed [user: <user|netops2>] [Source: <address|185.7.3.9>] [localport: 22] [Reason: <cause|Login Authentication Failed>]
000813: Jan 31 12:00:03.101: %LINEPROTO-5-UPDOWN: Line protocol on Interface <cause|GigabitEthernet0/1>, changed state to down
31-Jan-2026 12:00:04.101 client @0x7f1 10.0.0.4#51007 (<cause|orders.shop.internal>): query failed (SERVFAIL)
""",
    "identity and cloud": """
{"eventType":"user.session.start","outcome":{"result":"FAILURE","reason":"<cause|VERIFICATION_ERROR>"},"actor":{"alternateId":"<mail|henrik.b@shop-mail.net>","displayName":"Henrik"},"client":{"ipAddress":"<address|185.7.3.10>"}}
{"protoPayload":{"authenticationInfo":{"principalEmail":"<mail|ops.lea@shop-mail.net>"},"methodName":"<cause|compute.instances.delete>","resourceName":"projects/shop/zones/a/instances/<cause|cart-2>"}}
{"eventSource":"rds.amazonaws.com","eventName":"<cause|ModifyDBInstance>","userIdentity":{"type":"IAMUser","userName":"<user|jorge>"},"sourceIPAddress":"<address|185.7.3.11>","requestParameters":{"dBInstanceIdentifier":"<cause|orders-db>"}}
{"category":"SignInLogs","properties":{"userPrincipalName":"<mail|anton@shop-mail.net>","appDisplayName":"<cause|Orders portal>","status":{"errorCode":50126}}}
2026-01-31 12:00:05.101 22 WARNING keystone.common.wsgi [req-1 - - - - -] Authorization failed. The request you have made requires authentication. from <address|185.7.3.12>
""",
    "operations": """
logger=context userId=4 orgId=1 uname=<user|vera> t=2026-01-31T12:00:01Z level=error msg="Request Completed" method=POST path=<cause|/api/ds/query> status=500 remote_addr=<address|185.7.3.13>
time="2026-01-31T12:00:02Z" level=warning msg="finished unary call with code Unauthenticated" grpc.method=<cause|GetUserInfo> grpc.service=<cause|session.SessionService> span.kind=server
[2026-01-31T12:00:03.101Z] "GET <cause|/users/7/cart> HTTP/1.1" 503 UF <cause|upstream_reset_before_response_started{connection_failure}> - "-" 0 91 2001 - "-" "<cause|grpc-node/1.9>" "6f1e" "orders:8080" "<cause|10.3.0.4:8080>"
[2026-01-31T12:00:04] error: Node <cause|gpu-17> not responding, setting DOWN
[2026-01-31T12:00:05] _slurm_rpc_submit_batch_job: JobId=812 InitPrio=4294901757 usec=812 user <user|hchen>
Jan 31 12:00:06 web3 proftpd[81] web3 (<address|185.7.3.14>[185.7.3.14]): USER <user|uploads_kim> (Login failed): Incorrect password
{"reqId":"aB1","level":2,"remoteAddr":"<address|185.7.3.15>","user":"<user|marlene>","app":"<cause|files_sharing>","method":"PROPFIND","message":"<cause|Lock wait timeout exceeded>"}
[2026-01-31 12:00:08 +0000] information/ApiListener: New client connection for identity '<cause|agent-7.shop.internal>' from [10.0.3.3]:41002
2026.01.31 12:00:09.101 [ 41 ] {} <Error> TCPHandler: Code: 516. DB::Exception: <user|default_bi>: Authentication failed: password is incorrect, or there is no user with such name. (<cause|AUTHENTICATION_FAILED>)
Jan 31 12:00:10 nfs1 rpc.mountd[7]: refused mount request from <cause|app-4.shop.internal> for <cause|/home/exports> (/): not exported
Jan 31 12:00:11 cfg1 puppet-agent[9]: (/Stage[main]/<cause|Users/User[deploy]/ensure>) change from 'absent' to 'present' failed
Jan 31 12:00:12 kvm1 libvirtd[5]: internal error: <cause|qemu unexpectedly closed the monitor>: <cause|vm-orders-2>
""",
}

# Oracle audit, Artifactory, Harbor, MinIO, Jira, Zabbix, Exim, Asterisk, Mosquitto, Neo4j, Trino,
# Superset, Splunk, Proxmox, Ceph, Nova, SonarQube, CouchDB, Solr, Bitbucket: after their manuals.
FRESH: dict[str, str] = {
    "data": """
Sat Jan 31 12:00:01 2026 +00:00 LENGTH : '160' ACTION :[7] 'CONNECT' DATABASE USER:[6] '<user|mfrank>' PRIVILEGE :[4] 'NONE' CLIENT USER:[6] '<user|mfrank>' STATUS:[4] '<cause|1017>'
2026-01-31 12:00:02.101+0000 WARN  [bolt-7] The client is unauthorized due to authentication failure. user=<user|kira>, client=<address|51.15.2.3>:41022
2026-01-31T12:00:03.101Z WARN Query-20260131_1 io.trino.execution.QueryTracker Query 20260131_1 user=<user|bi.lars> failed: <cause|EXCEEDED_GLOBAL_MEMORY_LIMIT>
2026-01-31 12:00:04,101:ERROR:superset.views.base: <cause|CommandInvalidError> user <user|olivia.p> dashboard <cause|users-overview>
[error] 2026-01-31T12:00:05.101Z couchdb@<cause|db-3.shop.internal> <0.41.0> 9c1 req_err(41) <cause|badmatch>
2026-01-31 12:00:06.101 ERROR (qtp-41) [c:<cause|users> s:shard1 r:core_node3] o.a.s.s.HttpSolrCall <cause|null:org.apache.solr.common.SolrException>
""",
    "delivery": """
20260131120001|3|REQUEST|<address|51.15.2.4>|<user|ci-marta>|GET|/npm-local/<cause|cart/-/cart-2.4.0.tgz>|HTTP/1.1|503|0
2026-01-31T12:00:02Z [ERROR] [/server/middleware/security]: failed to authenticate user <user|harbor_joe>: <cause|ldap: connection timed out>
2026-01-31 12:00:03,101 http-nio-8080-exec-4 WARN <user|s.andersen> 720x41x1 1abc <address|51.15.2.5> /rest/auth/1/session [c.a.j.l.<cause|JiraLoginGateway>] login denied
2026.01.31 12:00:04 INFO  web[AYx][auth.event] login failure [cause|wrong password][method|FORM][provider|REALM|x][IP|<address|51.15.2.6>|][login|<user|devon>]
<address|51.15.2.7> | https | o@1AB | <user|hanneke> | 2026-01-31 12:00:05,101 | "POST /scm/shop/<cause|orders.git>/git-upload-pack HTTP/1.1" | - | 500
{"level":"ERROR","api":{"name":"<cause|PutObject>","bucket":"<cause|backups>"},"remotehost":"<address|51.15.2.8>","accessKey":"<secret|ZK4M2Q9XW7LT0PRB>","error":"<cause|Storage backend has reached its minimum free drive threshold>"}
""",
    "hosts and mail": """
   812:20260131:120001.101 cannot send list of active checks to "<cause|10.4.1.1>": host [<cause|cart-vm-2>] not found
2026-01-31 12:00:02 plain authenticator failed for ([10.0.0.2]) [<address|51.15.2.9>]: 535 Incorrect authentication data (set_id=<user|invoices.nl>)
[2026-01-31 12:00:03] NOTICE[81] chan_sip.c: Registration from '"<user|4021b>" <sip:x>' failed for '<address|51.15.2.10>:5060' - <cause|Wrong password>
1769860804: New client connected from <address|51.15.2.11>:1883 as <cause|sensor-7> (p2, c1, k60, u'<user|greta>').
Jan 31 12:00:05 pve1 pvedaemon[8]: authentication failure; rhost=<address|51.15.2.12> user=<user|backupop@pam> msg=<cause|Authentication failure>
2026-01-31T12:00:06.101+0000 7f1 -1 log_channel(cluster) log [ERR] : Health check failed: <cause|1 osds down (OSD_DOWN)>
2026-01-31 12:00:07.101 41 ERROR nova.compute.manager [req-1 <user|tenantop> shop - - -] [instance: 6ba7] <cause|No valid host was found>.
01-31-2026 12:00:08.101 +0000 ERROR UserManagerPro - LDAP Login failed, could not find a valid user="<user|quentin>" on any configured servers
""",
}

TUNED_ON = {**FORMATS, **OTHERS, **UNSEEN}

_MARK = re.compile(r"<(user|address|mail|mac|secret|cause)\|([^>]+)>")


@dataclass(frozen=True)
class Line:
    """One line and what is in it: ``(kind, text)``, and the harmless words."""

    format: str
    text: str
    marked: tuple[tuple[str, str], ...]

    @property
    def harmless(self) -> list[str]:
        """Words in which nothing is marked."""
        meant = [part for kind, text in self.marked if kind != "cause" for part in text.split()]
        return [word for word in self.text.split() if not any(text in word for text in meant)]


def lines(formats: dict[str, str]) -> list[Line]:
    """Lines of formats: `FORMATS`, which were tuned on, or `OTHERS`, for scoring only."""
    return [
        Line(name, _MARK.sub(lambda m: m[2], raw), tuple((m[1], m[2]) for m in _MARK.finditer(raw)))
        for name, block in formats.items()
        for raw in block.strip().splitlines()
        if raw != SCORED
    ]


@dataclass
class Score:
    """Marked words, and those masked, by kind; harmless words, and those harmed."""

    seen: Counter = field(default_factory=Counter)
    right: Counter = field(default_factory=Counter)
    wrong: list[tuple[str, str, str]] = field(default_factory=list)  # kind, text, masked line

    def share(self, *kinds: str) -> float:
        """Share that went as it should: gone, or of causes and harmless words still there."""
        return sum(self.right[k] for k in kinds) / max(sum(self.seen[k] for k in kinds), 1)


def score(mask: object, some: list[Line]) -> Score:
    """Mask each line and count what is gone and what is left."""
    told = Score()
    for line in some:
        masked = mask.text(line.text)
        for kind, text in line.marked:
            told.seen[kind] += 1
            good = (text in masked) == (kind == "cause")
            told.right[kind] += good
            if not good:
                told.wrong.append((kind, text, masked))
        for word in line.harmless:
            told.seen["harmless"] += 1
            told.right["harmless"] += word in masked
            if word not in masked:
                told.wrong.append(("harmless", word, masked))
    return told
