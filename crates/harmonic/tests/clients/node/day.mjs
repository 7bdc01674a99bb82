// Prompts and server address of the cases.
export const URL = process.env.HARMONIC_URL;
export const AGENT = "analyst";
export const DAY = {
  type: "object",
  properties: { name: { enum: ["Monday", "Tuesday"] } },
  required: ["name"],
  additionalProperties: false,
};
