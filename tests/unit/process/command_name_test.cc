#include "agent/process/command_name.h"

#include <gtest/gtest.h>

#include <random>

#include "agent/process/identity.h"

namespace wirespan::process {
namespace {

struct Case {
  const char* executable;
  std::vector<std::string> arguments;
  const char* name;
};

class CommandName : public ::testing::TestWithParam<Case> {};

TEST_P(CommandName, IsWhatRuns) {
  const Case& c = GetParam();
  EXPECT_EQ(NameFromCommand(c.executable, "comm", c.arguments), c.name);
}

INSTANTIATE_TEST_SUITE_P(NoInterpreter, CommandName,
                         ::testing::Values(Case{"/usr/sbin/nginx", {"nginx: master process /usr/sbin/nginx"}, "nginx"},
                                           Case{"/usr/sbin/nginx", {"nginx: worker process"}, "nginx"},
                                           Case{"/srv/shop", {"./shop", "-m", "x.py"}, "shop"},
                                           Case{"/usr/lib/postgresql/15/bin/postgres", {"postgres: checkpointer "}, "postgres"},
                                           Case{"/usr/sbin/php-fpm8.2", {"php-fpm: pool www"}, "php-fpm8.2"},
                                           Case{"", {}, "comm"},
                                           Case{"/usr/bin/pythonette", {"pythonette", "x.py"}, "pythonette"},
                                           Case{"/usr/bin/nodeman", {"nodeman", "x.js"}, "nodeman"}));

INSTANTIATE_TEST_SUITE_P(
    Python, CommandName,
    ::testing::Values(
        Case{"/usr/bin/python3.11", {"python3", "/srv/shop/main.py", "--port", "80"}, "main"},
        Case{"/usr/bin/python3.11", {"python3", "-u", "-W", "ignore", "-Xdev", "app.py"}, "app"},
        Case{"/usr/bin/python3.11", {"python3", "-m", "http.server", "8000"}, "http.server"},
        Case{"/usr/bin/python3.11", {"python3", "-um", "shop.main"}, "shop.main"},
        Case{"/usr/bin/python3.11", {"python3", "-mshop"}, "shop"},
        Case{"/usr/bin/python3.11", {"python3", "-c", "import x"}, "python3.11"},
        Case{"/usr/bin/python3.11", {"python3", "-"}, "python3.11"}, Case{"/usr/bin/python3.11", {"python3"}, "python3.11"},
        Case{"/usr/bin/python3.11", {"python3", "-m"}, "python3.11"},
        Case{"/usr/bin/python3.11", {"python3", "--check-hash-based-pycs", "always", "a.py"}, "a"},
        Case{"/usr/bin/python3.11", {"python3", "/srv/shop/__main__.py"}, "shop"},
        Case{"/usr/bin/python3.11", {"python3", "/srv/shop/"}, "shop"},
        Case{"/usr/bin/python3.11",
             {"/usr/bin/python3", "/usr/bin/gunicorn", "-w", "4", "-b", "0.0.0.0:8000", "shop.wsgi:application"},
             "shop"},
        Case{"/usr/bin/python3.11", {"python3", "/usr/bin/gunicorn", "main:create_app()"}, "main"},
        Case{"/usr/bin/python3.11",
             {"python3", "/usr/bin/gunicorn", "--bind", "localhost:8000", "--workers=2", "catalog.api"},
             "catalog"},
        Case{"/usr/bin/python3.11", {"python3", "/usr/bin/gunicorn", "-c", "conf"}, "gunicorn"},
        Case{"/usr/bin/python3.11", {"python3", "-m", "gunicorn", "--bind", "unix:/run/x.sock", "app:app"}, "app"},
        Case{"/usr/bin/python3.11", {"python3", "-m", "uvicorn", "svc.main:app", "--host", "::1", "--port", "8000"}, "svc"},
        Case{"/usr/bin/python3.11", {"gunicorn: worker [shop.wsgi:application]"}, "shop"},
        Case{"/usr/bin/python3.11", {"gunicorn: master [shop]"}, "shop"},
        Case{"/usr/bin/python3.11", {"python3", "/usr/bin/celery", "-A", "proj.tasks", "worker"}, "proj.tasks"},
        Case{"/usr/bin/python3.11", {"python3", "/usr/bin/celery", "worker", "--app=proj"}, "proj"},
        Case{"/usr/bin/python3.11", {"python3", "/usr/bin/flask", "--app", "hello.py", "run"}, "hello"},
        Case{"/usr/bin/python3.11", {"python3", "/usr/bin/opentelemetry-instrument", "python", "x.py"}, "python"},
        Case{"/usr/bin/python3.11", {"python3", "manage.py", "runserver"}, "manage"},
        Case{"/opt/pypy3.9", {"pypy3", "x.py"}, "x"}));

INSTANTIATE_TEST_SUITE_P(
    OtherInterpreters, CommandName,
    ::testing::Values(
        Case{"/usr/bin/node", {"node", "/srv/shop/server.js"}, "server"},
        Case{"/usr/bin/node", {"node", "-r", "./trace.js", "--max-old-space-size=64", "app.mjs", "x.js"}, "app"},
        Case{"/usr/bin/node", {"node", "--import", "a.mjs", "b.cjs"}, "b"}, Case{"/usr/bin/node", {"node", "-e", "1"}, "node"},
        Case{"/usr/bin/node", {"node", "--", "c.js"}, "c"}, Case{"/usr/bin/node", {"npm run start"}, "npm"},
        Case{"/usr/bin/deno", {"deno", "run", "--allow-net", "main.ts"}, "main"},
        Case{"/usr/bin/bun", {"bun", "server.tsx"}, "server"},
        Case{
            "/usr/lib/jvm/x/bin/java", {"java", "-Xmx1g", "-cp", "/a:/b", "-Dx=y", "com.example.Shop", "80"}, "com.example.Shop"},
        Case{"/usr/lib/jvm/x/bin/java", {"java", "-Xmx1g", "-jar", "/srv/shop-1.2.jar", "--x"}, "shop-1.2"},
        Case{"/usr/lib/jvm/x/bin/java", {"java", "--module-path", "mods", "-m", "shop.web/shop.web.Main"}, "shop.web.Main"},
        Case{"/usr/lib/jvm/x/bin/java", {"java", "--module=shop.web"}, "shop.web"},
        Case{"/usr/lib/jvm/x/bin/java", {"java", "--add-opens", "java.base/java.lang=ALL-UNNAMED", "@opts", "Main"}, "Main"},
        Case{"/usr/lib/jvm/x/bin/java", {"java", "-jar"}, "java"}, Case{"/usr/lib/jvm/x/bin/java", {"java", "-version"}, "java"},
        Case{"/usr/bin/ruby3.1", {"ruby", "-I", "lib", "bin/rails", "server"}, "rails"},
        Case{"/usr/bin/ruby3.1", {"ruby", "/usr/bin/bundle", "exec", "puma"}, "puma"},
        Case{"/usr/bin/ruby3.1", {"puma 6.4.0 (tcp://0.0.0.0:9292) [shop]"}, "shop"},
        Case{"/usr/bin/ruby3.1", {"sidekiq 6.5 shop [0 of 10 busy]"}, "sidekiq"},
        Case{"/usr/bin/ruby3.1", {"ruby", "-e", "x"}, "ruby3.1"},
        Case{"/usr/bin/php8.2", {"php", "-d", "x=y", "artisan", "serve"}, "artisan"},
        Case{"/usr/bin/php8.2", {"php", "-S", "localhost:80", "-t", "public", "router.php"}, "router"},
        Case{"/usr/bin/php8.2", {"php", "-f", "a.php"}, "a"}, Case{"/usr/bin/php8.2", {"php", "-S", "localhost:80"}, "php8.2"},
        Case{"/usr/bin/perl", {"perl", "-w", "-I", "lib", "/srv/shop.pl"}, "shop"},
        Case{"/usr/bin/perl", {"perl", "-e", "1"}, "perl"},
        Case{"/usr/bin/dotnet", {"dotnet", "exec", "/srv/Shop.Web.dll", "--urls"}, "Shop.Web"}));

TEST(CommandName, HostileArgumentsGiveOneBoundedPrintableLine) {
  EXPECT_EQ(NameFromCommand("/usr/bin/python3", "c", {"python3", "a\nb\x01" + std::string(10'000, 'x') + ".py"}).size(),
            kMaxServiceNameBytes);
  EXPECT_EQ(NameFromCommand("/usr/bin/python3", "c", {"python3", "a\n\tb.py"}), "a b");
  EXPECT_EQ(NameFromCommand("/usr/bin/python3", "c", {"python3", "\xff\xfe.py"}), "\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(NameFromCommand("/usr/bin/python3", "c", {"python3", "\n\n.py"}), "python3");
  EXPECT_EQ(NameFromCommand("/usr/bin/python3", "c", {""}), "python3");
  EXPECT_EQ(NameFromCommand("", "", {}), "");
}

TEST(CommandName, SurvivesRandomArguments) {
  std::mt19937 random(7);
  const std::vector<std::string> words = {
      "-",   "--", "-m",    "-c",     "-jar", "a:b",         ":",  "[",    "]",      "a [",      "[]",
      ".",   "..", "/",     "//",     "",     "-W",          "-X", "exec", "bundle", "gunicorn", "/usr/bin/uvicorn",
      "run", "=",  "--app", "--app=", "-A",   "__main__.py", "x ]"};
  const char* executables[] = {"python3", "node", "java", "ruby", "php", "perl", "dotnet", "deno", "bun", "beam.smp", ""};
  for (int i = 0; i < 50'000; ++i) {
    std::vector<std::string> arguments;
    for (size_t n = random() % 6; n > 0; --n) arguments.push_back(words[random() % words.size()]);
    const std::string name = NameFromCommand(executables[random() % 11], "comm", arguments);
    EXPECT_FALSE(name.empty());
    EXPECT_LE(name.size(), kMaxServiceNameBytes);
  }
}

TEST(Runtime, ByTheExecutablesName) {
  EXPECT_EQ(RuntimeOf("python3.13t"), Runtime::kPython);
  EXPECT_EQ(RuntimeOf("nodejs"), Runtime::kNode);
  EXPECT_EQ(RuntimeOf("node-20"), Runtime::kNode);
  EXPECT_EQ(RuntimeOf("php-fpm8.2"), Runtime::kPhp);
  EXPECT_EQ(RuntimeOf("beam.smp"), Runtime::kErlang);
  EXPECT_EQ(RuntimeOf("javac"), Runtime::kUnknown);
  EXPECT_EQ(RuntimeOf(""), Runtime::kUnknown);
}

}  // namespace
}  // namespace wirespan::process
