// Keys, ARNs and the checks of names that every operation shares.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "services/base/pages.h"
#include "services/base/service.h"

namespace kiban::services::states {

// The enumerator that a row keeps as its number, 0 to `last`; or DamagedRow.
template <typename Enum>
Enum enumerator_of(const json::object& row, std::string_view member, Enum last) {
  const std::int64_t found = number(row, member, 0);
  if (found < 0 || found > static_cast<std::int64_t>(last))
    throw DamagedRow(member, "it has no such number");
  return static_cast<Enum>(found);
}

std::string row_key(const Context& context, std::string_view kind, std::string_view name);

// 1 to 80 characters, none of AWS's forbidden ones. Error InvalidName "Invalid Name: 'x'".
Result<void> check_name(std::string_view name);

// The part behind "arn:…:stateMachine:" ("execution", "activity"); Error InvalidArn
// "Invalid Arn: 'Invalid ARN prefix: x'".
Result<std::string> resource_of(std::string_view arn, std::string_view kind);

// MACHINE/NAME of an execution ARN, as the keys have it.
std::string execution_path(std::string_view execution_arn);

// The place of a page's first entry as an opaque token, and back. Error InvalidToken
// "Invalid Token: 'x'"; no token is the empty place.
std::string page_token(std::string_view place);
Result<std::string> page_place(const json::object& input);

// How many entries a page may have, by maxResults; 0 and none are the default.
std::size_t page_size(const json::object& input, std::size_t limit_default);

// A page of the rows below `prefix` in the order of their keys (base/pages.h), under `member`, with
// maxResults and nextToken of the request.
Result<json::object> page_of_rows(const Context& context, const json::object& input,
                                  std::string_view member, std::string_view prefix,
                                  const EntryOf& entry);

// A page of `all` under `member`, with maxResults and nextToken of the request.
Result<json::object> page_of(const json::object& input, std::string_view member,
                             const json::array& all, std::size_t limit_default);

}  // namespace kiban::services::states
