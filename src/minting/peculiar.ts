// The order matters: what the first import lends is there for the second one.
import { takeBackMetadata } from "./reflect-metadata.ts";
import * as library from "@peculiar/x509";

takeBackMetadata();

/** `@peculiar/x509`. It is a value of this module, and no re-export, so that no bundler leads importers around what is done above. */
export const x509 = library;
