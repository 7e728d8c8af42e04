package sdl

import (
	"fmt"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/tycostream/tycostream/internal/naming"
)

// triggers writes the root fields and inputs of a source's triggers.
func (t *typed) triggers(s *Source, n *naming.Names) {
	name := argument{"name", "String!", "name"}
	query := func(field, core, about, result string, args ...argument) {
		t.field(Route{Root: ast.Query, Field: field, Core: core, Source: s.Name},
			fmt.Sprintf(about, s.label()), result, args)
	}
	query(n.Triggers, CoreTriggers, "The triggers of %s by name.", "[Trigger!]!")
	query(n.Trigger, CoreTrigger, "The trigger of %s with this name.", "Trigger", name)

	mutation := func(field, verb, about, result string, args ...argument) {
		t.field(Route{Root: ast.Mutation, Field: field, Core: verb + "Trigger", Source: s.Name},
			fmt.Sprintf(about, s.label()), result, args)
	}
	mutation(n.CreateTrigger, "create", "Create a trigger of %s.", "Trigger!", argument{"input", n.TriggerInput + "!", "input"})
	mutation(n.UpdateTrigger, "update", "Change what is given of a trigger of %s; rows keep their state where the conditions stay.", "Trigger!",
		name, argument{"input", n.TriggerPatch + "!", "input"})
	mutation(n.DeleteTrigger, "delete", "Delete a trigger of %s, and all its deliveries.", "Trigger!", name)
	mutation(n.PauseTrigger, "pause", "Have a trigger of %s take no notice of rows, and hold its deliveries back.", "Trigger!", name)
	mutation(n.ResumeTrigger, "resume", "End a pause of a trigger of %s, also one that the gateway itself made.", "Trigger!", name)
	mutation(n.TestTrigger, "test", "Deliver a sample, marked TEST, for a trigger of %s; the answer is its id.", "ID!", name)

	t.add(triggerInputSDL, s.label(), n.TriggerInput, n.Expression, triggerOptionsSDL+"  \"Begin paused.\"\n  paused: Boolean\n")
	t.add(triggerPatchSDL, s.label(), n.TriggerPatch, n.Expression, triggerOptionsSDL)
}

// deliveries writes the root fields that the triggers of all sources share.
func (t *typed) deliveries() {
	names := naming.CommonFor(t.model.CamelCase)
	source, trigger := argument{"source", "String!", "source"}, argument{"trigger", "String!", "trigger"}
	t.field(Route{Root: ast.Query, Field: names.Deliveries, Core: CoreDeliveries},
		"The deliveries of a trigger, oldest first; at most 1000 at a time.", "[TriggerDelivery!]!", []argument{
			source,
			trigger,
			{"status", "TriggerDeliveryStatus! = PENDING", "status"},
			{"limit", "Int! = 100", "limit"},
			{"after", "String", "after"},
		})
	t.field(Route{Root: ast.Subscription, Field: names.Deliveries, Core: CoreDeliveries},
		"The result of every attempt from now on: of a trigger, of a source's triggers, or of all.", "TriggerResult!", []argument{
			{"source", "String", "source"},
			{"trigger", "String", "trigger"},
		})
	t.field(Route{Root: ast.Mutation, Field: names.ResendDelivery, Core: "resend"},
		"Queue a delivery that was given up again; the answer is its id.", "ID!", []argument{source, trigger, {"id", "ID!", "id"}})
	t.field(Route{Root: ast.Mutation, Field: names.ResendDeadLetters, Core: "resendAll"},
		"Queue all deliveries of a trigger that were given up again; the answer is how many.", "Int!", []argument{source, trigger})
}

const triggerInputSDL = `"A new trigger of %s."
input %s {
  "Unique among the triggers of its source."
  name: String!
  "Where to POST: an http or https URL."
  webhook: String!
  "A row FIREs when this turns true."
  fire: %[3]s!
  "A row that has fired CLEARs when fire is not true and this is; without it, as soon as fire is not true."
  clear: %[3]s
%[4]s}
`

const triggerPatchSDL = `"What to change of a trigger of %s: what is left out stays as it is, null is as when it is left out of a new trigger."
input %s {
  webhook: String
  fire: %[3]s
  clear: %[3]s
%[4]s}
`

// triggerOptionsSDL are the fields that both inputs have.
const triggerOptionsSDL = `  "Rows that match when the trigger begins fire; else they are taken note of in silence."
  snapshot: Boolean
  "How long fire must be true without a break: 30s, 5m."
  for: String
  "How long a row does not fire again after a CLEAR: 30s, 5m."
  cooldown: String
  "The columns of the payload; all of them without it."
  fields: [String!]
  "Headers to send with every delivery."
  headers: [TriggerHeader!]
  "Secrets that sign deliveries as Standard Webhooks has it, newest first. They are never shown."
  secrets: [String!]
  "How long an attempt may take: 5s; without it as the settings say."
  timeout: String
  "Pauses before the second and later attempts: 5s, 1m."
  delays: [String!]
`
