import { expect, test } from "vitest";
import { ApiError, isOtherUid, readApiError, statusOf } from "../../../operator/kube/api-error.ts";

test("a Status gives reason and message, the header gives the pause", () => {
  const body = JSON.stringify({ kind: "Status", code: 409, reason: "AlreadyExists", message: "x exists" });
  const error = readApiError({ what: "create things", status: 409, body, retryAfter: "3" });
  expect(error).toMatchObject({ code: "ApiRefused", status: 409, reason: "AlreadyExists", retryAfterMs: 3000 });
  expect(error.message).toBe("create things: 409 AlreadyExists: x exists");
});

test("an ERROR event has its code in the body, and its pause in the details", () => {
  const body = JSON.stringify({ code: 410, reason: "Expired", message: "old", details: { retryAfterSeconds: 1 } });
  expect(readApiError({ what: "watch", status: 0, body })).toMatchObject({ status: 410, retryAfterMs: 1000 });
  expect(readApiError({ what: "watch", status: 0, body: "{}" }).status).toBe(500);
});

test("what is no Status is shown in part; a pause is bounded", () => {
  const error = readApiError({ what: "get", status: 502, body: `<html>${"x".repeat(5000)}`, retryAfter: "86400" });
  expect(error.message.length).toBeLessThan(300);
  expect(error).toMatchObject({ status: 502, reason: "", retryAfterMs: 60_000 });
  expect(readApiError({ what: "get", status: 503, body: "", retryAfter: "Wed, 21 Oct" }).retryAfterMs).toBeUndefined();
});

test("only an answer has a status", () => {
  expect(statusOf(new ApiError("", { status: 404, reason: "" }))).toBe(404);
  expect(statusOf(new Error("x"))).toBeUndefined();
});

test("a write to another UID is told by conflict, or by the field that cannot change", () => {
  const details = { causes: [{ field: "metadata.uid", message: "field is immutable" }] };
  const error = readApiError({ what: "apply", status: 422, body: JSON.stringify({ reason: "Invalid", details }) });
  expect(error.fields).toEqual(["metadata.uid"]);
  expect(isOtherUid(error)).toBe(true);
  expect(isOtherUid(new ApiError("", { status: 409, reason: "Conflict" }))).toBe(true);
  expect(isOtherUid(new ApiError("", { status: 422, reason: "Invalid", fields: ["spec"] }))).toBe(false);
  expect(isOtherUid(new Error("x"))).toBe(false);
});
