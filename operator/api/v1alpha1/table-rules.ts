/** The rules of a PikaTable that types cannot say, in CEL; see cluster-rules.ts for how they are written. */

import { RESOURCE_NAME_RULE, type ValidationRule } from "./fields.ts";

const TABLE_NAME = "has(self.tableName) ? self.tableName : ''";

function cannotChange(field: string, rule: string): ValidationRule {
  return { rule, message: `spec.${field} cannot be changed: make a new table and copy` };
}

export const TABLE_SPEC_RULES: readonly ValidationRule[] = [
  cannotChange("clusterRef", "self.clusterRef.name == oldSelf.clusterRef.name"),
  cannotChange("tableName", `(${TABLE_NAME}) == (${TABLE_NAME.replaceAll("self", "oldSelf")})`),
  cannotChange("slots", "(has(self.slots) ? self.slots : 64) == (has(oldSelf.slots) ? oldSelf.slots : 64)"),
  cannotChange(
    "consistency",
    "(has(self.consistency) ? self.consistency : 'Asynchronous') == (has(oldSelf.consistency) ? oldSelf.consistency : 'Asynchronous')",
  ),
  cannotChange(
    "distribution",
    "(has(self.distribution) ? self.distribution : 'Hash') == (has(oldSelf.distribution) ? oldSelf.distribution : 'Hash')",
  ),
  {
    rule: "!has(self.tableName) || self.tableName == '' || (self.tableName != 'admin' && self.tableName.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$'))",
    message:
      "spec.tableName must be at most 40 lower-case letters, digits and '-', starting with a letter, and not 'admin', which is the administrator",
  },
];

export const TABLE_ROOT_RULES: readonly ValidationRule[] = [
  RESOURCE_NAME_RULE,
  {
    rule: "self.metadata.name != 'admin' || (has(self.spec.tableName) && self.spec.tableName != '')",
    message: "a table may not be called 'admin', which is the administrator: set another name or spec.tableName",
  },
];
