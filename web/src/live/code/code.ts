import type { Source } from '@tycostream/client';
import { isWritable, whereLiteral } from './literal.js';

/** What code is written for. */
export interface Request {
  readonly source: Source;
  readonly where: Readonly<Record<string, unknown>> | undefined;
  /** The columns that are wanted, by GraphQL name. */
  readonly columns: readonly string[];
  /** The address of the endpoint, `http://localhost:4000/graphql`. */
  readonly url: string;
}

export interface Sample {
  readonly id: string;
  readonly name: string;
  /** How to run it, in a line. */
  readonly hint: string;
  readonly write: (request: Request) => string;
}

/** The languages that a request can be had in. */
export const samples: readonly Sample[] = [
  { id: 'graphql', name: 'GraphQL', hint: 'Runs in the playground.', write: graphql },
  { id: 'typescript', name: 'TypeScript', hint: 'npm install @tycostream/client graphql, then run it as an ES module in Node.js 22 or a browser.', write: typescript },
  { id: 'go', name: 'Go', hint: 'go run main.go; the standard library is enough.', write: go },
  { id: 'curl', name: 'curl', hint: 'Server-sent events: one frame per line.', write: curl },
];

/** A subscription of rows, one change per message. Its filter stands in it, unless only a variable can hold it. */
function graphql({ source, where, columns }: Request): string {
  let variables = '';
  let declared = '';
  let argument = '';
  if (where && isWritable(where)) {
    argument = `(where: ${whereLiteral(where, source)})`;
  } else if (where) {
    variables = `# Variables: ${JSON.stringify({ where })}\n`;
    declared = ` ($where: ${source.typePrefix}Expression)`;
    argument = '(where: $where)';
  }
  return `${variables}subscription${declared} {
  ${source.field}${argument} {
    operation
    data { ${columns.join(' ')} }
    fields
    timestamp
  }
}
`;
}

function typescript({ source, where, columns, url }: Request): string {
  const options = [
    `source: ${quote(source.field)}`,
    ...(where ? [`where: ${script(where)}`] : []),
    `columns: [${columns.map(quote).join(', ')}]`,
  ];
  return `import { createClient } from '@tycostream/client';

const client = createClient({ url: ${quote(url.replace(/^http/, 'ws'))} });
const live = client.liveRows({
${options.map((o) => `  ${o},`).join('\n')}
});

for await (const { inserts, updates, deletes } of live) {
  console.log(\`\${live.rows.size} rows: \${inserts.length} new, \${updates.length} changed, \${deletes.length} gone\`);
}
`;
}

function curl(request: Request): string {
  return `curl -N ${shell(request.url)} \\
  -H 'accept: text/event-stream' -H 'content-type: application/json' \\
  -d ${shell(JSON.stringify(body(request)))}
`;
}

function go(request: Request): string {
  const { query, variables } = body(request);
  return `package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"strings"
)

const query = ${goText(query)}

const variables = ${goText(JSON.stringify(variables))}

func main() {
	body, err := json.Marshal(map[string]any{"query": query, "variables": json.RawMessage(variables)})
	if err != nil {
		log.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodPost, ${goText(request.url)}, bytes.NewReader(body))
	if err != nil {
		log.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewReader(res.Body)
	for {
		line, err := lines.ReadString('\\n')
		if err != nil {
			log.Fatal(err)
		}
		if data, ok := strings.CutPrefix(line, "data:"); ok {
			fmt.Print(data)
		}
	}
}
`;
}

/** A subscription of whole frames: for programs, which want to know when the rows are consistent. */
function body({ source, where, columns }: Request): { query: string; variables: Record<string, unknown> } {
  const field = source.field + (source.naming === 'camelCase' ? 'Changes' : '_changes');
  const declared = where ? `($where: ${source.typePrefix}Expression) ` : '';
  const passed = where ? '(where: $where) ' : '';
  return {
    query: `subscription ${declared}{ ${field} ${passed}{ kind last timestamp cursor state changes { operation data { ${columns.join(' ')} } fields } } }`,
    variables: where ? { where } : {},
  };
}

/** A JavaScript literal in this page's way: names without quotes where they may be. */
function script(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(script).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).map(([k, v]) => `${/^[_A-Za-z]\w*$/.test(k) ? k : quote(k)}: ${script(v)}`);
    return `{ ${fields.join(', ')} }`;
  }
  return typeof value === 'string' ? quote(value) : JSON.stringify(value);
}

function quote(text: string): string {
  const escaped = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'");
  return `'${escaped}'`;
}

function shell(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

// Raw when it can be, so that it is read as it is written.
function goText(text: string): string {
  return /[`\r]/.test(text) || !/["\\\n]/.test(text) ? JSON.stringify(text) : `\`${text}\``;
}
