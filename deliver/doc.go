// Package deliver sends signed HTTP requests to addresses that the operator names.
//
// A message has an id that is the same at every attempt, so that the receiver knows a repeated one. It is
// signed as the Standard Webhooks specification says (Signer), sent by Sender, and what came of that is
// an Outcome: delivered, to be tried again after a while, or never. Alerts takes the messages
// from a table and writes the outcome back; a crash in between leads to another attempt.
//
// When something fails, the attempts follow Backoff for about three days. Redirects are not followed,
// and of an answer nothing but the status is used.
package deliver
