// A service that is a table of operations, each a free function.
#pragma once

#include <fmt/format.h>

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "services/base/service.h"

namespace kiban::services {

using Operation = Result<json::object> (*)(Context& context, const json::object& input);
using OperationTable = std::map<std::string_view, Operation>;

class TableService : public Service {
 public:
  TableService(std::string_view name, const OperationTable& operations)
      : name_(name), operations_(operations) {}

  std::string_view name() const override { return name_; }
  Result<json::object> call(Context& context, std::string_view operation,
                            const json::object& input) override {
    const auto found = operations_.find(operation);
    if (found != operations_.end()) return found->second(context, input);
    return fail("UnknownOperationException",
                fmt::format("kiban does not serve {}:{}", name_, operation));
  }

 private:
  std::string_view name_;
  const OperationTable& operations_;
};

// Members of a request, by AWS's names; what is absent is the fallback.
inline std::string text(const json::object& input, std::string_view key,
                        std::string_view fallback = {}) {
  const json::string* found = find_string(input, key);
  return found ? to_string(*found) : std::string(fallback);
}

inline std::int64_t number(const json::object& input, std::string_view key, std::int64_t fallback) {
  const json::value* found = find(input, key);
  if (found && found->is_int64()) return found->get_int64();
  if (found && found->is_uint64()) return static_cast<std::int64_t>(found->get_uint64());
  if (found && found->is_double()) return static_cast<std::int64_t>(found->get_double());
  return fallback;
}

inline bool flag(const json::object& input, std::string_view key, bool fallback = false) {
  const json::value* found = find(input, key);
  return found && found->is_bool() ? found->get_bool() : fallback;
}

}  // namespace kiban::services
