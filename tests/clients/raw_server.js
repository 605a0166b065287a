// A Node server that says which requests it read whole.
//
//     node raw_server.js     prints "Listening at: http://127.0.0.1:PORT", then "seen: METHOD TARGET LENGTH" for each
const http = require("node:http");

const server = http.createServer((request, response) => {
  let length = 0;
  request.on("data", (data) => (length += data.length));
  request.on("end", () => {
    console.log(`seen: ${request.method} ${request.url} ${length}`);
    response.writeHead(200, { "Content-Type": "text/plain", "Content-Length": 2 });
    response.end("ok");
  });
});

server.listen(0, "127.0.0.1", () => console.log(`Listening at: http://127.0.0.1:${server.address().port}`));
