#include "services/states/sdk_names.h"

#include <cctype>

namespace kiban::services::states {
namespace {

bool upper(char c) { return std::isupper(static_cast<unsigned char>(c)) != 0; }
bool lower(char c) { return std::islower(static_cast<unsigned char>(c)) != 0; }
char to_lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }
char to_upper(char c) { return static_cast<char>(std::toupper(static_cast<unsigned char>(c))); }

}  // namespace

std::string shown_member(const asl::TaskResource& resource, std::string_view member) {
  std::string out(member);
  if (out.empty()) return out;
  // The letters in upper case at the beginning become lower case, but the last before a word; then
  // the first becomes upper case again.
  for (std::size_t i = 1; resource.service.starts_with("aws-sdk:") && i < out.size(); ++i) {
    if (!upper(out[i]) || (i + 1 < member.size() && lower(member[i + 1]))) break;
    out[i] = to_lower(out[i]);
  }
  out[0] = to_upper(out[0]);
  return out;
}

std::string sdk_class(std::string_view name) {
  std::string out;
  bool begins = true;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    if (c == ' ' || c == '-' || c == '.') {
      begins = true;
      continue;
    }
    const bool within = !begins && upper(c) && upper(name[i - 1]);
    const bool word = i + 1 < name.size() && lower(name[i + 1]);
    if (begins)
      out += to_upper(c);
    else
      out += within && !word ? to_lower(c) : c;
    begins = false;
  }
  return out;
}

}  // namespace kiban::services::states
