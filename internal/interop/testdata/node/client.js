// Watches one thing on an agent with the npm package consul, and prints what it sees, a line of JSON each:
//   node client.js PORT key NAME      the value of the key
//   node client.js PORT service NAME  the instances that pass their checks, as node:port
// The first line is the answer to a plain read, and the following ones are what the watch reports.
const Consul = require("consul");

const [port, kind, name] = process.argv.slice(2);
const consul = new Consul({ host: "127.0.0.1", port: Number(port) });

const kinds = {
  key: {
    method: consul.kv.get,
    read: () => consul.kv.get(name),
    options: { key: name },
    show: (pair) => (pair ? pair.Value : null),
  },
  service: {
    method: consul.health.service,
    read: () => consul.health.service({ service: name, passing: true }),
    options: { service: name, passing: true },
    show: (entries) => entries.map((e) => `${e.Node.Node}:${e.Service.Port}`).sort().join(" "),
  },
};

const { method, read, options, show } = kinds[kind];
const say = (answer) => console.log(JSON.stringify(show(answer)));

async function main() {
  say(await read());
  const watch = consul.watch({ method, options, maxAttempts: 3 });
  watch.on("change", say);
  watch.on("error", (err) => console.error(String(err)));
  watch.on("end", () => process.exit(1));
}

main().catch((err) => {
  console.error(String(err));
  process.exit(1);
});
