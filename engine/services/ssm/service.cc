#include "services/ssm/service.h"

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

}  // namespace

std::unique_ptr<Service> make_ssm() { return std::make_unique<TableService>("ssm", operations()); }

}  // namespace kiban::services::ssm
