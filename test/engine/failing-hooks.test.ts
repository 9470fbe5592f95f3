import { describe, expect, test } from "vitest";

import { type ServerOptions, TlsAlert, TlsEngine } from "../../src/index.ts";
import { End } from "../support/pair.ts";
import { done, move, parkedClient } from "./parked-pair.ts";
import { configsOf, VERSIONS } from "./versions.ts";

describe.each(VERSIONS)("a hook that fails in %s", (version) => {
  const { client: toyClient, server: toyServer } = configsOf(version);
  const failure = new Error("the database is gone");
  const alert = new TlsAlert("unrecognized_name", "nobody here is called so");

  test.each([
    [
      "throws",
      () => {
        throw failure;
      },
    ],
    ["rejects", () => Promise.reject(failure)],
  ])("and %s is internal_error, with what it threw as the cause", async (_how, chooseSetup) => {
    const server = await runServer({ chooseSetup });
    expect(server.closed).toMatchObject({ kind: "error", alertSent: "internal_error" });
    expect(server.closed?.kind === "error" && server.closed.error.cause).toBe(failure);
  });

  test.each([
    [
      "throws",
      () => {
        throw alert;
      },
    ],
    ["rejects with", () => Promise.reject(alert)],
  ])("and %s a TlsAlert sends that alert", async (_how, chooseSetup) => {
    const server = await runServer({ chooseSetup });
    expect(server.closed).toEqual({ kind: "error", error: alert, alertSent: "unrecognized_name" });
  });

  test.each([
    ["at once", () => ({ reject: "access_denied" as const })],
    ["late", async () => ({ reject: "access_denied" as const })],
  ])("chooseSetup may refuse with an alert of its own, %s", async (_when, chooseSetup) => {
    const server = await runServer({ chooseSetup });
    expect(server.closed).toMatchObject({ kind: "error", alertSent: "access_denied" });
  });

  test.each([
    ["gives no credentials", () => ({ credentials: [] })],
    ["gives a policy that is none", () => ({ clientAuth: { mode: "require", trust: {} } as never })],
  ])("chooseSetup that %s is internal_error", async (_what, chooseSetup) => {
    const server = await runServer({ chooseSetup });
    expect(server.closed).toMatchObject({ kind: "error", alertSent: "internal_error" });
  });

  test("a trust policy that rejects sends its alert, or certificate_unknown", async () => {
    for (const [reason, alertSent] of [
      [{ trust: "rejected", reason: "expired", alert: "certificate_expired" }, "certificate_expired"],
      [{ trust: "rejected", reason: "no" }, "certificate_unknown"],
    ] as const) {
      const { client, verdict } = parkedClient(version);
      const waits = done(client.engine.nextEvent());
      verdict.resolve(reason as never);
      await waits;
      expect(client.drain()).toBeUndefined();
      expect(client.closed).toMatchObject({ kind: "error", alertSent });
      expect(client.closed?.kind === "error" && client.closed.error.message).toContain(reason.reason);
    }
  });

  test("a client's policy cannot leave the server unverified", async () => {
    const { client, verdict } = parkedClient(version);
    const waits = done(client.engine.nextEvent());
    verdict.resolve({ trust: "unverified", reason: "no types here" } as never);
    await waits;
    expect(client.drain()).toBeUndefined();
    expect(client.closed).toMatchObject({ kind: "error", alertSent: "internal_error" });
    expect(client.engine.info).toBeNull();
  });

  async function runServer(options: Partial<ServerOptions>): Promise<End> {
    const client = new End(TlsEngine.client(toyClient()));
    const server = new End(TlsEngine.server(toyServer(options)));
    move(client, server);
    for (let waits = server.drain(); waits !== undefined; waits = server.drain()) await waits;
    move(server, client);
    expect(client.drain()).toBeUndefined();
    expect(client.closed?.kind).toBe("alert");
    return server;
  }
});
