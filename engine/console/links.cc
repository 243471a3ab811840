#include "console/links.h"

#include <fmt/format.h>

#include "console/route.h"

namespace kiban::console {

std::string execution_page(std::string_view execution_arn) {
  constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:/";
  std::string path = fmt::format("{}/executions/", console_path);
  for (const char each : execution_arn)
    if (plain.find(each) != std::string_view::npos)
      path += each;
    else
      path += fmt::format("%{:02X}", static_cast<unsigned char>(each));
  return path;
}

}  // namespace kiban::console
