// The deployment of one stack: a durable machine whose whole state is the stack's row (rows.h).
#pragma once

#include "services/base/service.h"

namespace kiban::services::cloudformation {

// An operation is under way while "Kind" is not empty:
//   CREATE, UPDATE     makes "Resources" what "Template" says, in the order of the graph
//   ROLLBACK           of a failed CREATE: everything in "Doomed" goes
//   UPDATE_ROLLBACK    of a failed UPDATE: "Backup" comes back, then CLEANUP
//   CLEANUP            after an update or its rollback: what is in "Doomed" goes
//   DELETE             everything in "Doomed" goes
// "Previous" holds what an update replaced. What is instant is done when it returns.
//
// What takes its time is asked after every second, later every ten, of the kernel's clock and at
// every event of aws.rds and aws.ecs, so that a deployment goes on while a virtual clock stands,
// too. What waits for three hours of that clock has failed.

// `desired`: the members Template, Given, Ssm, Parameters, Tags, RoleARN, Capabilities,
// NotificationARNs and Description.
void begin_create(Context& context, json::object& stack, const json::object& desired);
void begin_update(Context& context, json::object& stack, const json::object& desired);
// Of a stack in UPDATE_IN_PROGRESS: rolls back what was done so far.
void cancel_update(Context& context, json::object& stack);
// Of a stack in CREATE_FAILED, UPDATE_FAILED or UPDATE_ROLLBACK_FAILED; `skipped` resources stay as
// they are.
void begin_rollback(Context& context, json::object& stack, const json::array& skipped);
// While others import its exports it only says so in its status reason.
void begin_delete(Context& context, json::object& stack, const json::array& retained);

// Does what can be done now, saves the row, and sets a timer when something is still in progress.
void advance(Context& context, json::object& stack);

// A session of the stack's role, or else whoever asked for the operation.
Result<Caller> acting(Context& context, const json::object& stack);

}  // namespace kiban::services::cloudformation
