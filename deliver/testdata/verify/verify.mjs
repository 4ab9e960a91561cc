// Verifies messages from standard input, a JSON list, with code that is not ours, and prints a verdict for each: with the
// specification's library where the key is a secret; with Node's own Ed25519 (OpenSSL's) where it is a public key, for
// which the library has nothing.
import { createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { Webhook } from "standardwebhooks";

function verifyPair(key, body, headers) {
  const x = Buffer.from(key.slice("whpk_".length), "base64").toString("base64url");
  const open = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
  const signed = Buffer.from(`${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`);
  const genuine = headers["webhook-signature"].split(" ").some((signature) => {
    const [version, text] = signature.split(",");
    return version === "v1a" && verify(null, signed, open, Buffer.from(text, "base64"));
  });
  if (!genuine) throw new Error("no signature fits the key");
}

const verdicts = JSON.parse(readFileSync(0, "utf8")).map(({ key, body, headers }) => {
  try {
    if (key.startsWith("whpk_")) verifyPair(key, body, headers);
    else new Webhook(key).verify(body, headers);
    return true;
  } catch {
    return false;
  }
});
console.log(JSON.stringify(verdicts));
