#include "agent/process/command_name.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <span>

#include "agent/process/identity.h"
#include "exporters/utf8.h"

namespace wirespan::process {
namespace {

using Arguments = std::span<const std::string>;

std::string_view BaseName(std::string_view path) {
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  return path.substr(path.rfind('/') + 1);
}

bool IsOneOf(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// a.b_c: a dotted path of identifiers
bool IsModulePath(std::string_view text) {
  bool begins = true;
  for (const char c : text) {
    if (begins ? !IsLetter(c) : !(IsLetter(c) || IsDigit(c) || c == '.')) return false;
    begins = c == '.';
  }
  return !begins;
}

// "/srv/shop/main.py" -> "main"; "/srv/shop/__main__.py" and "/srv/shop/" -> "shop"
std::string ScriptName(std::string_view path) {
  std::string_view name = BaseName(path);
  for (const std::string_view extension : {".py", ".pyc", ".pyz", ".js", ".mjs", ".cjs", ".ts", ".mts", ".tsx", ".jsx", ".rb",
                                           ".ru", ".php", ".pl", ".psgi", ".jar", ".war", ".dll"}) {
    if (name.size() <= extension.size() || !name.ends_with(extension)) continue;
    name.remove_suffix(extension.size());
    break;
  }
  if (name == "__main__") {
    const size_t slash = path.rfind('/');
    const std::string_view folder = slash == std::string_view::npos ? std::string_view{} : BaseName(path.substr(0, slash));
    if (!folder.empty()) name = folder;
  }
  return std::string(name);
}

// The first argument that is no option. `with_value` are the options that take the next argument; "--" ends the options.
Arguments SkipOptions(Arguments arguments, std::initializer_list<std::string_view> with_value) {
  size_t i = 0;
  while (i < arguments.size()) {
    const std::string& word = arguments[i];
    if (word == "--") return arguments.subspan(i + 1);
    if (word.size() < 2 || word[0] != '-') break;
    i += IsOneOf(word, with_value) ? 2U : 1U;
  }
  return arguments.subspan(std::min(i, arguments.size()));
}

// "shop.wsgi:application" -> "shop"; "main:app" -> "main"
std::string ApplicationName(std::string_view target) {
  std::string_view module = target.substr(0, target.find(':'));
  const size_t dot = module.rfind('.');
  if (dot != std::string_view::npos &&
      IsOneOf(module.substr(dot + 1), {"wsgi", "asgi", "app", "main", "application", "server", "api"})) {
    module = module.substr(0, dot);
  }
  return std::string(module);
}

// The application that a Python server was told to serve: "module:attribute", wherever among its arguments it stands; an address
// ("localhost:8000", "unix:/run/x") is none. Without one: a module path at the end that no option can have taken as its value.
std::string ServedApplication(Arguments arguments) {
  for (const std::string& word : arguments) {
    const size_t colon = word.find(':');
    if (colon == std::string::npos || !IsModulePath(std::string_view(word).substr(0, colon))) continue;
    const std::string_view attribute = std::string_view(word).substr(colon + 1);
    if (IsModulePath(attribute.substr(0, attribute.find('(')))) return ApplicationName(word);
  }
  if (arguments.empty() || !IsModulePath(arguments.back())) return {};
  if (arguments.size() > 1) {
    const std::string& before = arguments[arguments.size() - 2];
    if (before.starts_with('-') && before.find('=') == std::string::npos) return {};
  }
  return ApplicationName(arguments.back());
}

// The value of one of the options, in either form.
std::string OptionValue(Arguments arguments, std::initializer_list<std::string_view> options) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    for (const std::string_view option : options) {
      if (arguments[i] == option && i + 1 < arguments.size()) return arguments[i + 1];
      if (option.starts_with("--") && arguments[i].starts_with(option) && arguments[i].size() > option.size() + 1 &&
          arguments[i][option.size()] == '=') {
        return arguments[i].substr(option.size() + 1);
      }
    }
  }
  return {};
}

// `program`: a script's or module's name that Python runs, `arguments` what follows it.
std::string PythonProgram(const std::string& program, Arguments arguments) {
  std::string served;
  if (IsOneOf(program, {"gunicorn", "uvicorn", "hypercorn", "daphne", "granian", "waitress-serve", "waitress"})) {
    served = ServedApplication(arguments);
  } else if (program == "celery") {
    served = ApplicationName(OptionValue(arguments, {"-A", "--app"}));
  } else if (program == "flask") {
    served = ScriptName(ApplicationName(OptionValue(arguments, {"-A", "--app"})));
  } else if (IsOneOf(program, {"opentelemetry-instrument", "ddtrace-run"}) && !arguments.empty()) {
    served = ScriptName(arguments.front());
  }
  return served.empty() ? program : served;
}

// python [-options] [-c text | -m module | file | -] [arguments]; short options may be written together ("-um module").
std::string PythonName(Arguments arguments) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view word = arguments[i];
    if (word.empty() || word == "-") return {};
    if (word[0] != '-') return PythonProgram(ScriptName(word), arguments.subspan(i + 1));
    if (word.starts_with("--")) {
      if (word == "--check-hash-based-pycs") ++i;
      continue;
    }
    for (size_t letter = 1; letter < word.size(); ++letter) {
      const std::string_view rest = word.substr(letter + 1);
      if (word[letter] == 'c') return {};
      if (word[letter] == 'm') {
        const std::string_view module = !rest.empty() ? rest : i + 1 < arguments.size() ? std::string_view(arguments[i + 1]) : "";
        return PythonProgram(std::string(module), arguments.subspan(std::min(arguments.size(), i + (rest.empty() ? 2U : 1U))));
      }
      if (word[letter] == 'W' || word[letter] == 'X' || word[letter] == 'Q') {
        if (rest.empty()) ++i;
        break;
      }
    }
  }
  return {};
}

std::string NodeName(Arguments arguments) {
  for (const std::string& word : arguments) {
    if (word.empty() || word[0] != '-') break;
    if (IsOneOf(word, {"-e", "--eval", "-p", "--print", "-pe"})) return {};
  }
  const Arguments rest =
      SkipOptions(arguments, {"-r", "--require", "--import", "--loader", "--experimental-loader", "-C", "--conditions",
                              "--env-file", "--title", "--input-type", "--icu-data-dir", "--openssl-config"});
  return rest.empty() || rest.front() == "-" ? std::string{} : ScriptName(rest.front());
}

// deno run [options] file; bun [run] [options] file
std::string DenoOrBunName(Arguments arguments) {
  Arguments rest = SkipOptions(arguments, {"-c", "--config", "--cwd", "-r", "--preload"});
  if (!rest.empty() && IsOneOf(rest.front(), {"run", "serve", "task", "x", "start"})) {
    rest = SkipOptions(rest.subspan(1), {"-c", "--config", "--cwd", "--preload", "--port", "--host", "--env-file"});
  }
  return rest.empty() ? std::string{} : ScriptName(rest.front());
}

// java [options] (-jar file | -m module[/class] | class | file.java) [arguments]
std::string JavaName(Arguments arguments) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view word = arguments[i];
    const bool has_next = i + 1 < arguments.size();
    if (word == "-jar") return has_next ? ScriptName(arguments[i + 1]) : std::string{};
    if (word == "-m" || word == "--module" || word.starts_with("--module=")) {
      const std::string_view module = word.starts_with("--module=") ? word.substr(9)
                                      : has_next                    ? std::string_view(arguments[i + 1])
                                                                    : "";
      return std::string(module.substr(module.find('/') == std::string_view::npos ? 0 : module.find('/') + 1));
    }
    if (IsOneOf(word, {"-cp", "-classpath", "--class-path", "-p", "--module-path", "--upgrade-module-path", "--add-modules",
                       "--add-exports", "--add-opens", "--add-reads", "--limit-modules", "--patch-module",
                       "--enable-native-access", "--source"})) {
      ++i;
    } else if (!word.empty() && word[0] != '-' && word[0] != '@') {
      return std::string(word);
    }
  }
  return {};
}

std::string RubyName(Arguments arguments) {
  for (const std::string& word : arguments) {
    if (word.empty() || word[0] != '-') break;
    if (word.starts_with("-e")) return {};
  }
  Arguments rest = SkipOptions(arguments, {"-I", "-r", "-C", "-E", "-x"});
  // bundle exec PROGRAM
  if (rest.size() > 2 && BaseName(rest[0]) == "bundle" && rest[1] == "exec") rest = rest.subspan(2);
  return rest.empty() || rest.front() == "-" ? std::string{} : ScriptName(rest.front());
}

std::string PhpName(Arguments arguments) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view word = arguments[i];
    if (word == "-f" || word == "--file") return i + 1 < arguments.size() ? ScriptName(arguments[i + 1]) : std::string{};
    if (IsOneOf(word, {"-r", "-R", "-B", "--run"})) return {};
    if (word.empty() || word[0] != '-') break;
    if (IsOneOf(word, {"-c", "-d", "-z", "-S", "-t"})) ++i;
  }
  const Arguments rest = SkipOptions(arguments, {"-c", "-d", "-z", "-S", "-t"});
  return rest.empty() ? std::string{} : ScriptName(rest.front());
}

std::string PerlName(Arguments arguments) {
  for (const std::string& word : arguments) {
    if (word.empty() || word[0] != '-') break;
    if (word.starts_with("-e") || word.starts_with("-E")) return {};
  }
  const Arguments rest = SkipOptions(arguments, {"-I"});
  return rest.empty() || rest.front() == "-" ? std::string{} : ScriptName(rest.front());
}

std::string DotnetName(Arguments arguments) {
  for (const std::string& word : arguments) {
    if (word.ends_with(".dll")) return ScriptName(word);
  }
  return {};
}

// A process that wrote its own title over its arguments has one argument with spaces: "gunicorn: worker [shop.wsgi:application]",
// "puma 6.4.0 (tcp://0.0.0.0:9292) [shop]", "npm start".
std::string NameFromTitle(std::string_view title) {
  const size_t open = title.rfind('[');
  if (open != std::string_view::npos && title.ends_with(']')) {
    const std::string_view inner = title.substr(open + 1, title.size() - open - 2);
    if (!inner.empty() && inner.find_first_of(" \t") == std::string_view::npos) return ApplicationName(inner);
  }
  return std::string(BaseName(title.substr(0, title.find_first_of(": \t"))));
}

std::string InterpretedName(Runtime runtime, Arguments arguments) {
  switch (runtime) {
    case Runtime::kPython:
      return PythonName(arguments);
    case Runtime::kNode:
      return NodeName(arguments);
    case Runtime::kDeno:
    case Runtime::kBun:
      return DenoOrBunName(arguments);
    case Runtime::kJava:
      return JavaName(arguments);
    case Runtime::kRuby:
      return RubyName(arguments);
    case Runtime::kPhp:
      return PhpName(arguments);
    case Runtime::kPerl:
      return PerlName(arguments);
    case Runtime::kDotnet:
      return DotnetName(arguments);
    case Runtime::kUnknown:
    case Runtime::kGo:
    case Runtime::kErlang:
      return {};
  }
  return {};
}

// "python3.11" is "python" and a version: digits, dots and, at the end, letters ("python3.13t").
bool IsVersioned(std::string_view name, std::string_view stem) {
  if (!name.starts_with(stem)) return false;
  const std::string_view rest = name.substr(stem.size());
  return rest.empty() ||
         ((IsDigit(rest[0]) || rest[0] == '-' || rest[0] == '.') &&
          std::all_of(rest.begin(), rest.end(), [](char c) { return IsDigit(c) || IsLetter(c) || c == '.' || c == '-'; }));
}

}  // namespace

std::string Printable(std::string_view text) {
  std::string clean;
  for (size_t i = 0; i < text.size() && clean.size() < 2 * kMaxServiceNameBytes; ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != 0x7f) {
      clean.push_back(text[i]);
    } else if (!clean.empty() && clean.back() != ' ') {
      clean.push_back(' ');
    }
  }
  const size_t begin = clean.find_first_not_of(' ');
  if (begin == std::string::npos) return {};
  std::string valid;
  exporters::AppendUtf8(std::string_view(clean).substr(begin), kMaxServiceNameBytes, valid);
  while (!valid.empty() && valid.back() == ' ') valid.pop_back();
  return valid;
}

Runtime RuntimeOf(std::string_view executable_name) {
  struct Stem {
    std::string_view text;
    Runtime runtime;
  };
  constexpr std::array<Stem, 14> kStems = {{{"python", Runtime::kPython},
                                            {"pypy", Runtime::kPython},
                                            {"nodejs", Runtime::kNode},
                                            {"node", Runtime::kNode},
                                            {"deno", Runtime::kDeno},
                                            {"bun", Runtime::kBun},
                                            {"java", Runtime::kJava},
                                            {"ruby", Runtime::kRuby},
                                            {"php-fpm", Runtime::kPhp},
                                            {"php-cgi", Runtime::kPhp},
                                            {"php", Runtime::kPhp},
                                            {"perl", Runtime::kPerl},
                                            {"dotnet", Runtime::kDotnet},
                                            {"beam", Runtime::kErlang}}};
  for (const Stem& stem : kStems) {
    if (IsVersioned(executable_name, stem.text)) return stem.runtime;
  }
  return Runtime::kUnknown;
}

RuntimeWords Words(Runtime runtime) {
  switch (runtime) {
    case Runtime::kPython:
      return {"python", "cpython"};
    case Runtime::kNode:
      return {"nodejs", "nodejs"};
    case Runtime::kDeno:
      return {"nodejs", "deno"};
    case Runtime::kBun:
      return {"nodejs", "bun"};
    case Runtime::kJava:
      return {"java", "java"};
    case Runtime::kRuby:
      return {"ruby", "ruby"};
    case Runtime::kPhp:
      return {"php", "php"};
    case Runtime::kPerl:
      return {"", "perl"};
    case Runtime::kDotnet:
      return {"dotnet", ".NET"};
    case Runtime::kGo:
      return {"go", "go"};
    case Runtime::kErlang:
      return {"erlang", "BEAM"};
    case Runtime::kUnknown:
      return {};
  }
  return {};
}

std::string NameFromCommand(std::string_view executable_path, std::string_view comm, const std::vector<std::string>& arguments) {
  const std::string_view executable = executable_path.empty() ? comm : BaseName(executable_path);
  const Runtime runtime = RuntimeOf(executable);
  std::string name;
  if (runtime != Runtime::kUnknown && !arguments.empty() && !executable.starts_with("php-fpm")) {
    const bool is_title = arguments.size() == 1 && arguments[0].find(' ') != std::string::npos && arguments[0][0] != '/';
    name = Printable(is_title ? NameFromTitle(arguments[0]) : InterpretedName(runtime, Arguments(arguments).subspan(1)));
  }
  return name.empty() ? Printable(executable) : name;
}

}  // namespace wirespan::process
