import { describePairs12 } from "./describe-pairs12.ts";

describePairs12("RSA");
