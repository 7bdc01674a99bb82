// What the cases ask for, and where.
export const URL = process.env.HARMONIC_URL;
export const AGENT = "analyst";
export const DAY = {
  type: "object",
  properties: { name: { enum: ["Monday", "Tuesday"] } },
  required: ["name"],
  additionalProperties: false,
};
