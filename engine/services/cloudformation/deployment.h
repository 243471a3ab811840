// The deployment of one stack: a durable machine whose whole state is the stack's row.
#pragma once

#include <string>

#include "cfn/evaluate.h"
#include "services/base/service.h"

namespace kiban::services::cloudformation {

std::string stack_key(std::string_view region, std::string_view uuid);
cfn::Ports make_ports(Context& context, const std::string& region);
cfn::Stack identity(const json::object& stack);
std::map<std::string, std::string> given_of(const json::object& stack);
void add_event(Context& context, json::object& stack, const std::string& logical_id,
               const std::string& status, const std::string& reason = {});
void set_status(Context& context, json::object& stack, const std::string& status,
                const std::string& reason = {});
// Does what can be done now, saves the row, and sets a timer when something is still in progress.
// stack["Kind"]: CREATE, UPDATE, UPDATE_ROLLBACK, ROLLBACK or DELETE.
void advance(Context& context, json::object& stack);

}  // namespace kiban::services::cloudformation
