package triggers

import (
	"errors"
	"slices"
	"strings"

	"github.com/tycostream/tycostream/internal/trigger/spec"
	"github.com/tycostream/tycostream/internal/webhook"
)

// codeNoDelivery is the code of a delivery that is not there.
const codeNoDelivery = "DELIVERY_NOT_FOUND"

// Error is a refusal that is written for clients.
type Error struct {
	Code     string
	Argument string // the argument and the way into it: input.webhook; may be empty
	Text     string
}

func (e *Error) Error() string {
	if e.Argument == "" {
		return e.Text
	}
	return e.Argument + ": " + e.Text
}

// Extensions returns what belongs into the GraphQL error's extensions.
func (e *Error) Extensions() map[string]any {
	out := map[string]any{"code": e.Code}
	if e.Argument != "" {
		out["argument"] = e.Argument
	}
	return out
}

func invalid(argument, text string) error {
	return &Error{Code: spec.CodeInput, Argument: argument, Text: text}
}

// explain makes an engine's refusal one of ours. Its texts about the input
// begin with the field, which is where the client's argument goes on.
func explain(err error) error {
	if errors.Is(err, webhook.ErrTooLarge) {
		return invalid("", "the trigger's payload is too large for a delivery: choose fewer fields")
	}
	if errors.Is(err, webhook.ErrFailed) {
		return &Error{Code: spec.CodeStore, Text: "the gateway cannot write to its data directory (DATA_DIR) at the moment: is there room on its disk? It tries again by itself; then send this again"}
	}
	e, ok := errors.AsType[*spec.Error](err)
	if !ok {
		return err
	}
	if field, text, ok := strings.Cut(e.Text, ": "); ok && slices.Contains(inputFields, field) {
		return &Error{Code: e.Code, Argument: "input." + field, Text: text}
	}
	return &Error{Code: e.Code, Text: e.Text}
}

var inputFields = []string{
	"name", "webhook", "fire", "clear", "snapshot", "for", "cooldown", "fields", "headers", "secrets", "timeout", "delays", "paused",
}
