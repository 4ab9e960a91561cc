package deliver

import (
	"context"
	"errors"
	"fmt"

	"github.com/wneessen/go-mail"

	"github.com/oktasync/oktasync/directory"
)

// SendInvite makes one attempt to hand over one letter, and says with certainty whether the server took it, or that this
// cannot be known. letter has one recipient.
//
// The conversation is bounded by deadlines on the connection and by nothing else: ending it from another side in the middle
// of the message would write the mark of its end, and the server would take half a letter.
func (m *Mailer) SendInvite(ctx context.Context, letter Mail) directory.InviteOutcome {
	messages, err := m.messages(letter)
	if err != nil || len(messages) != 1 {
		return directory.InviteOutcome{Result: directory.InviteRefused, Problem: "the person's e-mail address is none that mail can be sent to; correct it in Okta, then resend"}
	}
	ctx, cancel := context.WithTimeout(ctx, m.o.Timeout)
	defer cancel()
	c, err := m.talk(ctx)
	if err != nil {
		return directory.InviteOutcome{Result: directory.InviteUnreachable, Problem: err.Error()}
	}
	defer c.end()
	c.send(messages...)
	return inviteOutcome(messages[0])
}

// inviteOutcome reads from a message what the server said about it. A letter is taken with the answer to the end of its data
// and not before (RFC 5321, 4.1.1.4), so it certainly did not go out while that end was not sent or when the answer to it was a refusal.
// Sent without an answer, nobody knows.
func inviteOutcome(message *mail.Msg) directory.InviteOutcome {
	if message.IsDelivered() {
		return directory.InviteOutcome{Result: directory.InviteTaken}
	}
	var problem *mail.SendError
	if !errors.As(message.SendError(), &problem) {
		return directory.InviteOutcome{Result: directory.InviteUnreachable, Problem: "the mail server does not go on talking"}
	}
	code := problem.ErrorCode()
	outcome := directory.InviteOutcome{Problem: refusal(message)}
	switch problem.Reason {
	case mail.ErrSMTPDataClose:
		switch {
		case code >= 500:
			outcome.Result = directory.InviteRefused
		case code >= 400:
			outcome.Result = directory.InviteLater
		default:
			outcome.Result = directory.InviteUnknown
			outcome.Problem = "the whole mail was handed over, and the conversation broke off before the server's answer; it may have arrived"
		}
	case mail.ErrSMTPRcptTo, mail.ErrSMTPData:
		switch {
		case code >= 500:
			outcome.Result = directory.InviteRefused
		case code >= 400 && code != 421: // 421: the server is about to go away, whoever is asked for
			outcome.Result = directory.InviteLater
		default:
			outcome.Result = directory.InviteUnreachable
		}
	case mail.ErrGetRcpts, mail.ErrNoUnencoded:
		outcome.Result = directory.InviteRefused
	case mail.ErrGetSender, mail.ErrSMTPMailFrom, mail.ErrConnCheck, mail.ErrWriteContent:
		outcome.Result = directory.InviteUnreachable
	default:
		outcome.Result = directory.InviteUnknown
		outcome.Problem = fmt.Sprintf("the conversation ended in a way that is not understood (%d); it may have arrived", code)
	}
	return outcome
}
