#include "services/secretsmanager/password.h"

#include <algorithm>
#include <vector>

#include "services/base/table_service.h"

namespace kiban::services::secretsmanager {
namespace {

// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetRandomPassword.html
constexpr std::string_view punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

}  // namespace

Result<std::string> make_password(SecretRandom& random, const json::object& input) {
  std::vector<std::string> kinds;
  std::string alphabet;
  const std::string excluded = text(input, "ExcludeCharacters");
  const auto offer = [&](std::string_view letters) {
    std::string kept;
    for (const char c : letters) {
      if (excluded.find(c) == std::string::npos) kept += c;
    }
    if (kept.empty()) return;
    alphabet += kept;
    kinds.push_back(std::move(kept));
  };
  if (!flag(input, "ExcludeLowercase")) offer("abcdefghijklmnopqrstuvwxyz");
  if (!flag(input, "ExcludeUppercase")) offer("ABCDEFGHIJKLMNOPQRSTUVWXYZ");
  if (!flag(input, "ExcludeNumbers")) offer("0123456789");
  if (!flag(input, "ExcludePunctuation")) offer(punctuation);
  if (flag(input, "IncludeSpace")) offer(" ");
  const auto length = static_cast<std::size_t>(number(input, "PasswordLength", 32));
  const bool each = flag(input, "RequireEachIncludedType", true);
  if (alphabet.empty()) {
    return fail("InvalidParameterException",
                "The exclusions leave no characters to make a password from.");
  }
  if (length < 1 || length > 4'096 || (each && length < kinds.size())) {
    return fail("InvalidParameterException",
                "The password length is not between 1 and 4096, or too short for one character of "
                "each included type.");
  }
  std::string password;
  if (each) {
    for (const std::string& kind : kinds) password += random.pick(kind, 1);
  }
  password += random.pick(alphabet, length - password.size());
  for (std::size_t i = password.size(); i > 1; --i) {
    std::swap(password[i - 1], password[random.below(i)]);
  }
  return password;
}

}  // namespace kiban::services::secretsmanager
