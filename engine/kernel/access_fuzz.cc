// Any input object through the rules of any operation.
#include <cstdint>
#include <string_view>

#include "api/model.h"
#include "kernel/access.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kiban;
  if (size < 2) return 0;
  const auto all = api::services();
  const api::Service& service = *all[data[0] % all.size()];
  const api::Operation& operation = service.operations[data[1] % service.operations.size()];
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const auto input = parse_json(text);
  if (!input || !input->is_object()) return 0;
  for (const api::AccessRule& rule : api::access_rules(service.folder, operation.name)) {
    const auto asked = kernel::access_requests(rule, input->get_object(), {});
    if (!asked) continue;
    for (const auto& request : *asked)
      if (request.action.empty() || request.resource.empty()) abort();
  }
  return 0;
}
