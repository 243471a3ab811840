// Lines "name: value" are the headers. Whoever is admitted names only hosts of this server, and no
// other site's page.
#include <algorithm>

#include "core/letters.h"
#include "core/result.h"
#include "runtime/admission.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace kiban;
  static const runtime::Admission admission =
      *runtime::Admission::create({.hosts = {"kiban", "*.example"}});
  std::string_view text{reinterpret_cast<const char*>(data), size};
  runtime::HttpRequest request{.method = "GET", .target = "/", .local = "192.0.2.1"};
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::size_t colon = std::min(line.find(':'), line.size());
    request.headers.emplace_back(line.substr(0, colon),
                                 line.substr(std::min(line.size(), colon + 1)));
  }
  if (admission.refuse(request)) return 0;
  for (const auto& [name, value] : request.headers) {
    if (same_letters(name, "origin"))
      KIBAN_CHECK(lower_case(value).starts_with("http"), "an Origin without a scheme");
    if (same_letters(name, "origin") || same_letters(name, "host"))
      KIBAN_CHECK(value.find("evil.test") == std::string::npos, "another site");
  }
  return 0;
}
