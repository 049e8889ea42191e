// Search from the disk: a browser starts no worker for a page that was opened as a file. There, a
// hidden frame runs the search instead, with the part of a worker's interface that it uses.
if (location.protocol === "file:") {
  const inside = `
    self.importScripts = async (...urls) => {
      for (const url of urls)
        await new Promise((resolve, reject) => {
          const script = document.createElement("script");
          Object.assign(script, { src: url, onload: resolve, onerror: reject });
          document.head.append(script);
        });
    };
    self.postMessage = (data) => self.frameElement.answer(data);
  `;
  window.IFrameWorker = class extends EventTarget {
    constructor(url) {
      super();
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      this.frame.srcdoc = `<script>${inside}<\/script><script src="${url}"><\/script>`;
      this.frame.answer = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      this.ready = new Promise((resolve) => (this.frame.onload = resolve));
      document.body.append(this.frame);
    }
    postMessage(data) {
      this.ready.then(() =>
        this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data })),
      );
    }
    terminate() {
      this.frame.remove();
    }
  };
  window.Worker = window.IFrameWorker;
}
