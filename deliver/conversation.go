package deliver

import (
	"context"
	"errors"
	"net"

	"github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
)

// conversation is one with the mail server. The library leaves connections open on which one failed, or did not end
// politely, so it is kept here what to close.
type conversation struct {
	client *mail.Client
	talk   *smtp.Client
	opened net.Conn // nil: with TLS from the first byte
}

// talk connects to the server and signs in. The error is a sentence without address or password.
func (m *Mailer) talk(ctx context.Context) (*conversation, error) {
	c := &conversation{}
	var more []mail.Option
	if !m.o.Implicit { // with a dialer of ours it would not know that such a connection is protected
		more = append(more, mail.WithDialContextFunc(func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
			if err == nil {
				c.opened = conn
			}
			return conn, err
		}))
	}
	var err error
	if c.client, err = m.client(more...); err != nil {
		return nil, errors.New("the mail server's settings cannot be used")
	}
	if c.talk, err = c.client.DialToSMTPClientWithContext(ctx); err != nil {
		c.cut()
		return nil, errors.New(connectProblem(err))
	}
	return c, nil
}

// send sends messages. What became of each stands in it: an error would be of the whole, its end included.
func (c *conversation) send(messages ...*mail.Msg) {
	_ = c.client.SendWithSMTPClient(c.talk, messages...)
}

// end says goodbye, and closes the connection whatever the answer is.
func (c *conversation) end() {
	_ = c.client.CloseWithSMTPClient(c.talk)
	c.cut()
}

// cut closes the connection as it is.
func (c *conversation) cut() {
	switch {
	case c.opened != nil:
		_ = c.opened.Close()
	case c.talk != nil:
		_ = c.talk.Close()
	}
}
