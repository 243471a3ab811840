// One invocation of a function on its way through the host.
#pragma once

#include <memory>
#include <string>

#include "lambda/plan.h"
#include "runtime/effects.h"

namespace kiban::lambda {

struct Invocation {
  std::shared_ptr<const Plan> plan{};
  std::string request_id{};
  std::string invoked_arn{};
  std::string payload{};
  std::string client_context{};  // Empty: none.
  std::string trace{};           // Empty: none.
  runtime::Report report{};
};

// An answer of AWS in place of a payload: {"Error": {"Code", "Message"}}.
services::Outcome refusal(std::string_view code, std::string_view message);

}  // namespace kiban::lambda
