// What the OpenAI SDK for JS makes of a running Toolyard: every scenario reports what it saw, Python judges it.
import OpenAI from "openai";

const [baseURL, apiKey, model] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0, timeout: 30_000 });

const weather = {
  type: "function",
  name: "weather",
  description: "Tell the weather of a city.",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
};
const { type, ...definition } = weather;
const chatWeather = { type, function: definition };
const user = (content) => ({ role: "user", content });

const scenarios = {
  async models() {
    const names = [];
    for await (const found of client.models.list()) names.push(found.id);
    return { names, one: (await client.models.retrieve(model)).id };
  },

  async chat() {
    const { choices } = await client.chat.completions.create({
      model,
      messages: [user('call add {"a": 20, "b": 22}')],
    });
    return { content: choices[0].message.content, calls: choices[0].message.tool_calls ?? null };
  },

  async chat_stream() {
    const stream = await client.chat.completions.create({
      model,
      messages: [user("say One two three.")],
      stream: true,
      stream_options: { include_usage: true },
    });
    let content = "";
    let usage = null;
    for await (const chunk of stream) {
      content += chunk.choices[0]?.delta?.content ?? "";
      usage = chunk.usage ?? usage;
    }
    return { content, usage };
  },

  async chat_stream_accumulated() {
    const stream = client.chat.completions.stream({ model, messages: [user("say One two three.")] });
    const completion = await stream.finalChatCompletion();
    return { content: completion.choices[0].message.content };
  },

  async chat_client_tool() {
    const messages = [user('call add {"a": 20, "b": 22}\ncall weather {"city": "Oslo"}')];
    const first = await client.chat.completions.create({ model, messages, tools: [chatWeather] });
    const { message, finish_reason } = first.choices[0];
    const calls = message.tool_calls.map((call) => [call.function.name, call.function.arguments]);
    const result = { role: "tool", tool_call_id: message.tool_calls[0].id, content: "It rains in Oslo." };
    const second = await client.chat.completions.create({
      model,
      messages: [...messages, message, result],
      tools: [chatWeather],
    });
    return { finish_reason, calls, content: second.choices[0].message.content };
  },

  async chat_run_tools() {
    const seen = [];
    const runner = client.chat.completions.runTools({
      model,
      messages: [user('call weather {"city": "Oslo"}')],
      tools: [
        {
          type: "function",
          function: {
            ...definition,
            parse: JSON.parse,
            function: ({ city }) => {
              seen.push(city);
              return `It snows in ${city}.`;
            },
          },
        },
      ],
    });
    return { content: await runner.finalContent(), seen };
  },

  async chat_refused() {
    try {
      await client.chat.completions.create({ model, messages: [user("say Hi.")], n: 2 });
    } catch (error) {
      return { name: error.constructor.name, status: error.status, param: error.param, message: error.message };
    }
    return {};
  },

  async unknown_agent() {
    try {
      await client.responses.create({ model: `${model}x`, input: "say Hi." });
    } catch (error) {
      return { name: error.constructor.name, status: error.status, code: error.code, message: error.message };
    }
    return {};
  },

  async wrong_key() {
    const stranger = new OpenAI({ baseURL, apiKey: "ty_wrong", maxRetries: 0 });
    try {
      await stranger.responses.create({ model, input: "say Hi." });
    } catch (error) {
      return { name: error.constructor.name, status: error.status };
    }
    return {};
  },

  async responses() {
    const first = await client.responses.create({ model, input: 'call add {"a": 20, "b": 22}' });
    const second = await client.responses.create({ model, input: "say Two.", previous_response_id: first.id });
    return {
      kinds: first.output.map((item) => item.type),
      text: first.output_text,
      second: second.output_text,
      fetched: (await client.responses.retrieve(second.id)).status,
    };
  },

  async responses_stream() {
    const stream = await client.responses.create({ model, input: 'call add {"a": 20, "b": 22}', stream: true });
    const kinds = [];
    let text = "";
    for await (const event of stream) {
      kinds.push(event.type);
      if (event.type === "response.output_text.delta") text += event.delta;
    }
    return { first: kinds[0], last: kinds.at(-1), kinds, text };
  },

  async responses_stream_accumulated() {
    const stream = client.responses.stream({ model, input: "say One two three." });
    return { text: (await stream.finalResponse()).output_text };
  },

  async responses_stream_again() {
    const events = [];
    for await (const event of await client.responses.create({ model, input: "say One two three.", stream: true })) {
      events.push(event);
    }
    const { id } = events[0].response;
    const missed = events.slice(4).map((event) => [event.type, event.sequence_number]);
    const again = [];
    const resumed = await client.responses.retrieve(id, { stream: true, starting_after: events[3].sequence_number });
    let text = "";
    for await (const event of resumed) {
      again.push([event.type, event.sequence_number]);
      if (event.type === "response.output_text.delta") text += event.delta;
    }
    return { last_missed: missed.at(-1), last_again: again.at(-1), text };
  },

  async responses_client_tool() {
    const first = await client.responses.create({ model, input: 'call weather {"city": "Oslo"}', tools: [weather] });
    const call = first.output.find((item) => item.type === "function_call");
    const second = await client.responses.create({
      model,
      input: [{ type: "function_call_output", call_id: call.call_id, output: "It rains in Oslo." }],
      previous_response_id: first.id,
      tools: [weather],
    });
    return { name: call.name, arguments: call.arguments, text: second.output_text };
  },

  async responses_approval() {
    const name = `js-${process.pid}.txt`;
    const first = await client.responses.create({ model, input: `call write_note {"name": "${name}", "text": "milk"}` });
    const request = first.output.find((item) => item.type === "mcp_approval_request");
    const second = await client.responses.create({
      model,
      input: [{ type: "mcp_approval_response", approval_request_id: request.id, approve: true }],
      previous_response_id: first.id,
    });
    return { tool: request.name, note: name, text: second.output_text };
  },

  async responses_background() {
    let response = await client.responses.create({ model, input: "say Later.", background: true });
    const deadline = Date.now() + 20_000;
    while (["queued", "in_progress"].includes(response.status) && Date.now() < deadline) {
      response = await client.responses.retrieve(response.id);
    }
    return { status: response.status, text: response.output_text };
  },
};

const report = {};
for (const [name, scenario] of Object.entries(scenarios)) {
  try {
    report[name] = await scenario();
  } catch (error) {
    report[name] = { failed: `${error.constructor.name}: ${error.message}` };
  }
}
process.stdout.write(JSON.stringify(report));
