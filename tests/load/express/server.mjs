// The least an Express service does that promises what ours does: check the token, store the webhook durably, answer.
//
//   node server.mjs <database> <partner token>     prints its port

import Database from "better-sqlite3";
import express from "express";

const [file, token] = process.argv.slice(2);
const database = new Database(file);
database.pragma("journal_mode = WAL");
database.pragma("synchronous = FULL");
database.exec("CREATE TABLE inbox (id INTEGER PRIMARY KEY, salon INTEGER NOT NULL, event TEXT, body TEXT NOT NULL, received_at TEXT NOT NULL)");
const insert = database.prepare("INSERT INTO inbox (salon, event, body, received_at) VALUES (?, ?, ?, ?)");

const app = express();
app.use(express.json({ limit: "1mb" }));
app.post("/webhook/yclients", (request, response) => {
  const { partner_token: given, ...body } = request.body;
  if (given !== token) return response.status(401).json({ success: false });
  insert.run(body.salon_id, body.event, JSON.stringify(body), new Date().toISOString());
  response.json({ success: true });
});

const server = app.listen(0, "127.0.0.1", () => console.log(server.address().port));
