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

}  // namespace kiban::services
