#pragma once

#include <string>

#include "core/json.h"
#include "core/random.h"
#include "core/result.h"

namespace kiban::services::secretsmanager {

// By the members of GetRandomPassword: PasswordLength (32), ExcludeCharacters, ExcludeNumbers,
// ExcludePunctuation, ExcludeUppercase, ExcludeLowercase, IncludeSpace, RequireEachIncludedType.
Result<std::string> make_password(SecretRandom& random, const json::object& input);

}  // namespace kiban::services::secretsmanager
