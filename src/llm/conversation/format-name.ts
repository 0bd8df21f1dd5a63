/** The wire formats: Chat Completions, Responses, Anthropic Messages, Gemini generateContent. */
export type FormatName = 'chat' | 'responses' | 'messages' | 'gemini';
