package spec

import "fmt"

// Error refuses a request. Code is the GraphQL error's extensions.code; Text
// says what is wrong and what to do.
type Error struct {
	Code, Text string
}

func (e *Error) Error() string { return e.Text }

// The codes of Error.
const (
	CodeExists   = "TRIGGER_EXISTS"         // the name is taken
	CodeNotFound = "TRIGGER_NOT_FOUND"      // no trigger of that name
	CodeOwned    = "TRIGGER_OWNED_BY_FILE"  // schema.yaml declares it: change it there
	CodeRefused  = "WEBHOOK_TARGET_REFUSED" // the address of the webhook is not allowed
	CodeInput    = "BAD_USER_INPUT"         // anything else in the input
	CodeDisabled = "TRIGGERS_DISABLED"      // this gateway runs no triggers
	CodeStore    = "TRIGGER_STORE_FAILED"   // nothing can be written at the moment
	CodeClosed   = "SOURCE_CLOSED"          // the gateway is shutting down
)

// Refuse returns an error.
func Refuse(code, format string, args ...any) *Error {
	return &Error{code, fmt.Sprintf(format, args...)}
}

// Invalid returns an error about the input.
func Invalid(format string, args ...any) *Error { return Refuse(CodeInput, format, args...) }
