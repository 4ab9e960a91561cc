// Package deliver sends signed HTTP requests, and mail, to addresses that the operator names.
//
// A request has an id that is the same at every attempt, so that the receiver knows a repeated one. It is
// signed as the Standard Webhooks specification says (Signer), sent by Sender, and what came of that is
// an Outcome: delivered, to be tried again after a while, or never. Mailer hands mail to an SMTP server,
// with the same outcomes. Alerts takes the messages from a table and writes the outcome back; a crash in
// between leads to another attempt.
//
// When something fails, the attempts follow Backoff for about three days. Redirects are not followed,
// and of an answer nothing but the status is used.
package deliver
