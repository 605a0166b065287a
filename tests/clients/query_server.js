// A Node server that answers with what it reads in a query, in each way that Node has, and with its headers.
//
//     node query_server.js     prints "Listening at: http://127.0.0.1:PORT"
//
// "exact" are readings of this query; "careless" are those of programs that decode first or once too often, or that
// take `;` for a separator as well.
const http = require("node:http");
const querystring = require("node:querystring");
const url = require("node:url");

const pairs = (parsed) =>
  Object.entries(parsed).flatMap(([name, value]) => [].concat(value).map((one) => [name, one]));

const decoded = (text) => {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return querystring.unescape(text);
  }
};

function read(target) {
  const at = target.indexOf("?");
  const query = at < 0 ? "" : target.slice(at + 1);
  const twice = [...new URLSearchParams(query)].map((pair) => pair.map(decoded));
  return {
    exact: {
      URLSearchParams: [...new URLSearchParams(query)],
      "URL.searchParams": [...new URL(target, "http://localhost").searchParams],
      querystring: pairs(querystring.parse(query)),
      "url.parse": pairs(url.parse(target, true).query),
    },
    careless: {
      "decoded first": [...new URLSearchParams(decoded(query))],
      "decoded twice": twice,
      "cut at semicolons": pairs(querystring.parse(query.replaceAll(";", "&"))),
    },
  };
}

const server = http.createServer((request, response) => {
  const headers = [];
  for (let at = 0; at < request.rawHeaders.length; at += 2) {
    headers.push([request.rawHeaders[at], request.rawHeaders[at + 1]]);
  }
  request.resume();
  request.on("end", () => {
    const body = JSON.stringify({ ...read(request.url), headers });
    response.writeHead(200, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) });
    response.end(body);
  });
});

server.listen(0, "127.0.0.1", () => console.log(`Listening at: http://127.0.0.1:${server.address().port}`));
