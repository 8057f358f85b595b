// What a program does with node-marketo-rest: `node repertoire.mjs URL`; writes what it was told, as JSON.

import { createRequire } from "node:module";

const Marketo = createRequire(`${process.cwd()}/package.json`)("node-marketo-rest");
const url = process.argv[2];
const marketo = new Marketo({
  endpoint: `${url}/rest`,
  identity: `${url}/identity`,
  clientId: "client",
  clientSecret: "secret",
});

async function pages(first) {
  const rows = [];
  for (let page = await first; page; page = page.nextPage && (await page.nextPage())) {
    rows.push(...(page.result ?? []));
  }
  return rows;
}

const told = {};
told.byId = (await marketo.lead.byId(7, { fields: ["email", "firstName"] })).result;
told.found = (await marketo.lead.find("email", ["ada@example.org", "x@example.org"], { fields: ["email"] })).result;
told.synced = (
  await marketo.lead.createOrUpdate([{ email: "new@example.org" }, { email: "ada@example.org", firstName: "Augusta" }], {
    lookupField: "email",
  })
).result;
const added = told.synced[0].id;
told.lists = (await marketo.list.find({ name: ["Webinar"] })).result.map((row) => row.name);
told.byListId = (await marketo.list.byId(70)).result.map((row) => row.id);
told.members = (await pages(marketo.list.getLeads(70, { fields: "email", batchSize: 150 }))).map((row) => row.id);
// One at a time: of several ids the client makes one parameter that is no number
told.isMember = [
  ...(await marketo.list.isMember(70, [8])).result,
  ...(await marketo.list.isMember(70, [7])).result,
];
told.joined = (await marketo.list.addLeadsToList(70, [added, { id: 7 }])).result;
told.left = (await marketo.list.removeLeadsFromList(70, [8])).result;
told.joinedByAddress = (await marketo.list.addEmailsToList(["late@example.org"], 70)).result;
told.fields = (await marketo.lead.describe()).result.map((row) => row.rest?.name);
told.partitions = (await marketo.lead.partitions()).result.map((row) => row.name);
told.usage = (await marketo.stats.usage()).result;
told.error = await marketo.lead.find("firstName", ["Ada"]).catch((error) => error.errors[0].code);
console.log(JSON.stringify(told));
