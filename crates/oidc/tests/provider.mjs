// A real identity provider for the tests: oidc-provider on a free port of this machine. It signs in
// whoever comes, as `NAME@acme.example`, and ends when its standard input does.
//
//     echo '{"redirects": ["http://…/login/oidc/callback"], "inToken": false}' | node provider.mjs
//
// prints its issuer at once and serves when it has read the line; "inToken" tells e-mail address and
// name in the token too. A login `x+carla` is another person who claims carla's address.
// THROUGHLINE_NODE is the folder with the packages of the tests.
import http from "node:http";
import path from "node:path";
import readline from "node:readline";
import { randomBytes } from "node:crypto";
import { pathToFileURL } from "node:url";

const library = path.join(process.env.THROUGHLINE_NODE, "node_modules/oidc-provider/lib/index.js");
const { Provider } = await import(pathToFileURL(library));

const server = http.createServer();
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const issuer = `http://127.0.0.1:${server.address().port}`;
console.log(issuer);

const lines = readline.createInterface({ input: process.stdin });
const wanted = JSON.parse(await new Promise((line) => lines.once("line", line)));

const provider = new Provider(issuer, {
  clients: [{
    client_id: "throughline",
    client_secret: "a-secret-of-the-tests",
    redirect_uris: wanted.redirects,
    response_types: ["code"],
    grant_types: ["authorization_code"],
    token_endpoint_auth_method: wanted.method ?? "client_secret_basic",
  }],
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
  // As the standard has it, e-mail address and name are told at the user info endpoint only.
  conformIdTokenClaims: !wanted.inToken,
  cookies: { keys: [randomBytes(16).toString("hex")] },
  pkce: { required: () => true },
  findAccount: (_context, name) => ({
    accountId: name,
    claims: () => ({
      sub: name,
      email: `${name.split("+").pop()}@acme.example`,
      email_verified: !name.startsWith("unverified"),
      name: `Person ${name}`,
    }),
  }),
});
server.on("request", provider.callback());
lines.on("close", () => process.exit());
