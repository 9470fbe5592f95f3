import type { ServerConfig } from "../../src/index.ts";
import type { Driver } from "./driver.ts";

/** Speaks SMTP (RFC 5321) on a plaintext connection until the client asks for TLS (RFC 3207), and puts TLS on it. */
export async function answerStartTls(server: Driver, config: ServerConfig): Promise<void> {
  server.write("220 localhost ESMTP tls-engine\r\n");
  for (;;) {
    const command = (await server.readLine()).toUpperCase();
    if (command === "STARTTLS") break;
    server.write(command.startsWith("EHLO") ? "250-localhost\r\n250 STARTTLS\r\n" : "250 noted\r\n");
  }
  server.write("220 go ahead\r\n");
  server.upgrade(config);
}

/** Speaks SMTP until the client quits or says close_notify, and returns the commands. Messages have no body. */
export async function answerSmtp(server: Driver): Promise<readonly string[]> {
  const commands: string[] = [];
  while (commands.at(-1) !== "QUIT") {
    const command = await server.readLine();
    commands.push(command);
    if (command === "QUIT") server.write("221 bye\r\n");
    else server.write(command.startsWith("EHLO") ? "250 localhost\r\n" : "250 noted\r\n");
  }
  return commands;
}

/** Asks an SMTP server for TLS, in plaintext; the caller upgrades then. */
export async function requestStartTls(client: Driver): Promise<void> {
  await readReply(client, "220");
  client.write("EHLO tls-engine.test\r\n");
  const offered = await readReply(client, "250");
  if (!offered.includes("STARTTLS")) throw new Error(`the server offers ${offered.join(", ")}`);
  client.write("STARTTLS\r\n");
  await readReply(client, "220");
}

/** The lines of one reply, without their codes, which must be `code`. */
export async function readReply(client: Driver, code: string): Promise<readonly string[]> {
  const lines: string[] = [];
  for (;;) {
    const line = await client.readLine();
    if (!line.startsWith(code)) throw new Error(`the server says ${JSON.stringify(line)}, due is ${code}`);
    lines.push(line.slice(4));
    if (line[3] !== "-") return lines;
  }
}
