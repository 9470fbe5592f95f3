import { describePairs } from "./describe-pairs.ts";

describePairs("X25519MLKEM768");
