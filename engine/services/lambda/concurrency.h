// How many invocations of a function run at once: reserved concurrency of functions, and what the
// account has for all others.
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
#pragma once

#include "services/base/table_service.h"

namespace kiban::services::lambda {

// The quotas of a new account.
constexpr std::int64_t account_concurrency = 1'000;
constexpr std::int64_t unreserved_min = 100;

// The text is AWS's: docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html
constexpr std::string_view rate_exceeded = "Rate Exceeded.";

OperationTable concurrency_operations();

// Which pool an invocation takes room of.
enum class Pool : std::uint8_t { Reserved, Shared };

// Takes room for one invocation of the function (its row: `owner`). Error
// TooManyRequestsException.
Result<Pool> take_room(Context& context, const json::object& owner);
void give_room_back(Context& context, std::string_view name, Pool pool);
// How many more invocations take_room would admit now.
std::int64_t room_of(const Context& context, const json::object& owner);

// The function is deleted: its reserved concurrency is the account's again.
void forget_reserved(Context& context, std::string_view name);
// And its provisioned environments end.
void end_provisioned(Context& context, std::string_view name);

// What the host reports of a warm_effect; `id` is that of the effect.
void on_warmed(Context& context, const json::object& payload, const json::object& outcome);
// At the start of the server: asks the host for all provisioned environments again.
void warm_again(Context& context);

}  // namespace kiban::services::lambda
