package api

import (
	"context"
	"net/url"
	"strings"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"
)

// unescapeParams decodes path parameters. Echo matches on the raw path when
// there is one and then leaves its parameters encoded, so that "a%2Fb@x" would be
// looked up as written.
func unescapeParams(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if c.Request().URL.RawPath == "" {
			return next(c)
		}
		values := append([]string(nil), c.ParamValues()...)
		for i, v := range values {
			if plain, err := url.PathUnescape(v); err == nil {
				values[i] = plain
			}
		}
		c.SetParamValues(values...)
		return next(c)
	}
}

// withRequestID gives each request an id, unless one was given further out. It
// is in the answer's header, in a 500's sentence, and in the log.
func withRequestID(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		id := c.Response().Header().Get(echo.HeaderXRequestID)
		if id == "" || len(id) > 64 || strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' }) {
			id = uuid.NewString()
			c.Response().Header().Set(echo.HeaderXRequestID, id)
		}
		q := c.Request()
		c.SetRequest(q.WithContext(context.WithValue(q.Context(), keyRequestID, id)))
		c.Response().Header().Set("X-Content-Type-Options", "nosniff")
		c.Response().Header().Set("Cache-Control", "no-store")
		return next(c)
	}
}

func requestID(ctx context.Context) string {
	id, _ := ctx.Value(keyRequestID).(string)
	return id
}
