// The deployment of one stack: a durable machine whose whole state is the stack's row (rows.h).
#pragma once

#include "services/cloudformation/stack.h"

namespace kiban::services::cloudformation {

// An operation is under way while Stack::operation is not None:
//   Create, Update     makes `resources` what the template says, in the order of the graph
//   Rollback           of a failed Create: everything in `doomed` goes
//   UpdateRollback     of a failed Update: `backup` comes back, then Cleanup
//   Cleanup            after an update or its rollback: what is in `doomed` goes
//   Delete             everything in `doomed` goes
// What is instant is done when it returns.
//
// What takes its time is asked after every second, later every ten, of the kernel's clock and at
// every event of aws.rds and aws.ecs, so that a deployment goes on while a virtual clock stands,
// too. What waits for three hours of that clock has failed.

void begin_create(Context& context, Stack& stack, const Desired& desired);
void begin_update(Context& context, Stack& stack, const Desired& desired);
// Of a stack in UPDATE_IN_PROGRESS: rolls back what was done so far.
void cancel_update(Context& context, Stack& stack);
// Of a stack in CREATE_FAILED, UPDATE_FAILED or UPDATE_ROLLBACK_FAILED; `skipped` resources stay as
// they are.
void begin_rollback(Context& context, Stack& stack, const std::vector<std::string>& skipped);
// While others import its exports it only says so in its status reason.
void begin_delete(Context& context, Stack& stack, const std::vector<std::string>& retained);

// Does what can be done now, saves the row, and sets a timer when something is still in progress.
void advance(Context& context, Stack& stack);

// Advances the stack after that time at the latest; replaces an earlier timer of the stack.
void set_poll(Context& context, const Stack& stack, Duration after);

// A session of the stack's role, or else whoever asked for the operation.
Result<Caller> acting(Context& context, const Stack& stack);

}  // namespace kiban::services::cloudformation
