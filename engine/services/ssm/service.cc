#include "services/ssm/service.h"

#include "core/arn.h"
#include "services/base/resource_access.h"
#include "services/ssm/rows.h"

namespace kiban::services::ssm {
namespace {

const OperationTable& operations() {
  static const OperationTable table = [] {
    OperationTable out = parameter_operations();
    out.merge(version_operations());
    out.merge(listing_operations());
    return out;
  }();
  return table;
}

class Ssm : public TableService {
 public:
  Ssm() : TableService("ssm", operations()) {}
  // Requests name a parameter by its name or its ARN, perhaps with a version or a label; it is the
  // parameter that policies name.
  ResourceAccess describe_resource(const Context& context, std::string_view arn) override {
    constexpr std::string_view kind = "parameter/";
    const auto parsed = parse_arn(arn);
    if (!parsed || parsed->account != context.caller().account ||
        !parsed->resource.starts_with(kind))
      return {.arn = std::string(arn)};
    std::string name = name_of(parsed->resource.substr(kind.size()));
    name = name.substr(0, name.find(':'));
    auto row = latest(context, name);
    if (!row) row = latest(context, "/" + name);
    return resource_of_row(arn_of(context, name), row, "Tags", "");
  }
};

}  // namespace

std::unique_ptr<Service> make_ssm() { return std::make_unique<Ssm>(); }

}  // namespace kiban::services::ssm
