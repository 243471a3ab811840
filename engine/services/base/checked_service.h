// A service whose table also says which members of a request each operation honours: any other is
// refused by name, never ignored.
#pragma once

#include <algorithm>

#include "services/base/table_service.h"

namespace kiban::services {

struct CheckedOperation {
  Operation run{nullptr};
  std::string_view members{};  // Separated by single spaces.
};
using CheckedTable = std::map<std::string_view, CheckedOperation>;

inline bool lists(std::string_view names, std::string_view name) {
  while (!names.empty()) {
    const std::size_t end = std::min(names.find(' '), names.size());
    if (names.substr(0, end) == name) return true;
    names.remove_prefix(std::min(end + 1, names.size()));
  }
  return false;
}

class CheckedService : public Service {
 public:
  // `refusal` is the error for a member that an operation does not honour.
  CheckedService(std::string_view name, std::string_view refusal, const CheckedTable& operations)
      : name_(name), refusal_(refusal), operations_(operations) {}

  std::string_view name() const override { return name_; }
  Result<json::object> call(Context& context, std::string_view operation,
                            const json::object& input) override {
    const auto found = operations_.find(operation);
    if (found == operations_.end()) {
      return fail("UnknownOperationException",
                  fmt::format("kiban does not serve {}:{}", name_, operation));
    }
    for (const auto& member : input) {
      if (!lists(found->second.members, member.key())) {
        return fail(std::string(refusal_),
                    fmt::format("kiban does not support {} of {}:{}",
                                std::string_view(member.key()), name_, operation));
      }
    }
    return found->second.run(context, input);
  }

 private:
  std::string_view name_;
  std::string_view refusal_;
  const CheckedTable& operations_;
};

}  // namespace kiban::services
