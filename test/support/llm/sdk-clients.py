"""Conversations that the official Python SDKs hold. One line of JSON in says what to do, one line out what came of it."""

import base64
import json
import sys

import anthropic
import openai
from google import genai
from google.genai import types

FACTS = json.loads(sys.stdin.readline())
IMAGE = FACTS["image"]
DATA_URL = "data:image/png;base64," + IMAGE


class Chat:
    def __init__(self, url, key, model, is_stream):
        self.client = openai.OpenAI(base_url=url + "/v1", api_key=key, max_retries=0)
        self.model, self.is_stream = model, is_stream
        self.messages = [{"role": "system", "content": FACTS["system"]}]

    def ask(self):
        content = [
            {"type": "text", "text": FACTS["question"]},
            {"type": "image_url", "image_url": {"url": DATA_URL}},
        ]
        self.messages.append({"role": "user", "content": content})
        return self.turn()

    def go_on(self, results):
        for id, content in results:
            self.messages.append({"role": "tool", "tool_call_id": id, "content": content})
        return self.turn()

    def turn(self):
        body = {
            "model": self.model,
            "messages": self.messages,
            "reasoning_effort": "low",
            "tools": [
                {
                    "type": "function",
                    "function": {"name": t["name"], "description": t["description"], "parameters": t["schema"]},
                }
                for t in FACTS["tools"]
            ],
        }
        if self.is_stream:
            message, stop, usage = self.streamed(body)
        else:
            completion = self.client.chat.completions.create(**body)
            message = completion.choices[0].message.model_dump(exclude_none=True)
            stop, usage = completion.choices[0].finish_reason, completion.usage
        self.messages.append(message)
        return {
            "text": message.get("content") or "",
            "thinking": message.get("reasoning_content") or message.get("reasoning") or "",
            "calls": [
                {"id": c["id"], "name": c["function"]["name"], "input": json.loads(c["function"]["arguments"])}
                for c in message.get("tool_calls") or []
            ],
            "stop": stop,
            "usage": {
                "input": usage.prompt_tokens,
                "output": usage.completion_tokens,
                "cached": usage.prompt_tokens_details.cached_tokens,
                "reasoning": usage.completion_tokens_details.reasoning_tokens,
            },
        }

    def streamed(self, body):
        """Put together as users of the SDK do: texts and lists grow, calls by their index."""
        message, calls, stop, usage = {"role": "assistant"}, {}, None, None
        stream = self.client.chat.completions.create(**body, stream=True, stream_options={"include_usage": True})
        for chunk in stream:
            usage = chunk.usage or usage
            for choice in chunk.choices:
                stop = choice.finish_reason or stop
                delta = choice.delta.model_dump(exclude_none=True)
                for piece in delta.pop("tool_calls", []):
                    text = piece["function"].get("arguments") or ""
                    if piece["index"] not in calls:
                        calls[piece["index"]] = {**piece, "function": {**piece["function"], "arguments": text}}
                    else:
                        calls[piece["index"]]["function"]["arguments"] += text
                delta.pop("role", None)
                for name, value in delta.items():
                    message[name] = message[name] + value if name in message else value
        if calls:
            message["tool_calls"] = [
                {name: value for name, value in call.items() if name != "index"} for call in calls.values()
            ]
        return message, stop, usage


class Responses:
    def __init__(self, url, key, model, is_stream):
        self.client = openai.OpenAI(base_url=url + "/v1", api_key=key, max_retries=0)
        self.model, self.is_stream, self.input = model, is_stream, []

    def ask(self):
        content = [
            {"type": "input_text", "text": FACTS["question"]},
            {"type": "input_image", "image_url": DATA_URL, "detail": "auto"},
        ]
        self.input.append({"role": "user", "content": content})
        return self.turn()

    def go_on(self, results):
        for id, output in results:
            self.input.append({"type": "function_call_output", "call_id": id, "output": output})
        return self.turn()

    def turn(self):
        body = {
            "model": self.model,
            "instructions": FACTS["system"],
            "input": self.input,
            "store": False,
            "include": ["reasoning.encrypted_content"],
            "reasoning": {"effort": "low", "summary": "auto"},
            "tools": [
                {
                    "type": "function",
                    "name": t["name"],
                    "description": t["description"],
                    "parameters": t["schema"],
                    "strict": False,
                }
                for t in FACTS["tools"]
            ],
        }
        if self.is_stream:
            with self.client.responses.stream(**body) as stream:
                response = stream.get_final_response()
        else:
            response = self.client.responses.create(**body)
        self.input += [item.model_dump(exclude_none=True, exclude={"parsed_arguments"}) for item in response.output]
        thoughts = [item for item in response.output if item.type == "reasoning"]
        usage = response.usage
        return {
            "text": response.output_text,
            "thinking": "".join(part.text for item in thoughts for part in [*item.summary, *(item.content or [])]),
            "calls": [
                {"id": item.call_id, "name": item.name, "input": json.loads(item.arguments)}
                for item in response.output
                if item.type == "function_call"
            ],
            "stop": response.status,
            "usage": {
                "input": usage.input_tokens,
                "output": usage.output_tokens,
                "cached": usage.input_tokens_details.cached_tokens,
                "reasoning": usage.output_tokens_details.reasoning_tokens,
            },
        }


class Messages:
    def __init__(self, url, key, model, is_stream):
        self.client = anthropic.Anthropic(base_url=url, api_key=key, max_retries=0)
        self.model, self.is_stream, self.messages = model, is_stream, []

    def ask(self):
        image = {"type": "base64", "media_type": "image/png", "data": IMAGE}
        content = [{"type": "text", "text": FACTS["question"]}, {"type": "image", "source": image}]
        self.messages.append({"role": "user", "content": content})
        return self.turn()

    def go_on(self, results):
        content = [{"type": "tool_result", "tool_use_id": id, "content": said} for id, said in results]
        self.messages.append({"role": "user", "content": content})
        return self.turn()

    def turn(self):
        body = {
            "model": self.model,
            "system": FACTS["system"],
            "max_tokens": 8000,
            "messages": self.messages,
            "thinking": {"type": "enabled", "budget_tokens": 2048},
            "tools": [
                {"name": t["name"], "description": t["description"], "input_schema": t["schema"]}
                for t in FACTS["tools"]
            ],
        }
        if self.is_stream:
            with self.client.messages.stream(**body) as stream:
                message = stream.get_final_message()
        else:
            message = self.client.messages.create(**body)
        self.messages.append({"role": "assistant", "content": message.content})
        usage = message.usage.model_dump()
        cached = usage.get("cache_read_input_tokens") or 0
        return {
            "text": "".join(block.text for block in message.content if block.type == "text"),
            "thinking": "".join(block.thinking for block in message.content if block.type == "thinking"),
            "calls": [
                {"id": block.id, "name": block.name, "input": block.input}
                for block in message.content
                if block.type == "tool_use"
            ],
            "stop": message.stop_reason,
            "usage": {
                "input": usage["input_tokens"] + cached + (usage.get("cache_creation_input_tokens") or 0),
                "output": usage["output_tokens"],
                "cached": cached,
                "reasoning": (usage.get("output_tokens_details") or {}).get("thinking_tokens") or 0,
            },
        }


class Gemini:
    def __init__(self, url, key, model, is_stream):
        self.client = genai.Client(api_key=key, http_options=types.HttpOptions(base_url=url))
        self.is_stream, self.names = is_stream, {}
        declarations = [
            types.FunctionDeclaration(
                name=t["name"], description=t["description"], parameters_json_schema=t["schema"]
            )
            for t in FACTS["tools"]
        ]
        config = types.GenerateContentConfig(
            system_instruction=FACTS["system"],
            max_output_tokens=8000,
            thinking_config=types.ThinkingConfig(include_thoughts=True, thinking_budget=2048),
            tools=[types.Tool(function_declarations=declarations)],
        )
        # Keeps the history itself.
        self.chat = self.client.chats.create(model=model, config=config)

    def ask(self):
        image = types.Part.from_bytes(data=base64.b64decode(IMAGE), mime_type="image/png")
        return self.turn([types.Part(text=FACTS["question"]), image])

    def go_on(self, results):
        return self.turn(
            [
                types.Part(
                    function_response=types.FunctionResponse(id=id, name=self.names[id], response={"output": output})
                )
                for id, output in results
            ]
        )

    def turn(self, message):
        if self.is_stream:
            chunks = list(self.chat.send_message_stream(message))
        else:
            chunks = [self.chat.send_message(message)]
        parts = [part for chunk in chunks for part in (chunk.candidates[0].content.parts or [])]
        calls = [part.function_call for part in parts if part.function_call]
        self.names.update({call.id: call.name for call in calls})
        usage = chunks[-1].usage_metadata
        thoughts = usage.thoughts_token_count or 0
        return {
            "text": "".join(part.text or "" for part in parts if not part.thought),
            "thinking": "".join(part.text or "" for part in parts if part.thought),
            "calls": [{"id": call.id, "name": call.name, "input": call.args} for call in calls],
            "stop": chunks[-1].candidates[0].finish_reason.value,
            "usage": {
                "input": usage.prompt_token_count or 0,
                "output": (usage.candidates_token_count or 0) + thoughts,
                "cached": usage.cached_content_token_count or 0,
                "reasoning": thoughts,
            },
        }


CLIENTS = {"chat": Chat, "responses": Responses, "messages": Messages, "gemini": Gemini}
conversation = None
for line in sys.stdin:
    order = json.loads(line)
    try:
        if "open" in order:
            conversation = CLIENTS[order["open"]](order["url"], order["key"], order["model"], order["isStream"])
            answer = conversation.ask()
        else:
            answer = conversation.go_on(order["results"])
        print(json.dumps({"answer": answer}), flush=True)
    except Exception as error:
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}), flush=True)
