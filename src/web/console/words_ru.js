// Every text of the console, in Russian. words_en.js has the same names.

export default {
  product: "Frontdesk — пульт",
  skip: "К содержанию",
  language: "Язык",
  login: {
    title: "Вход в пульт", key: "Ключ оператора", hint: "Начинается с sk_. Новый ключ делает администратор на странице «Ключи».",
    button: "Войти", out: "Выйти", failed: "Ключ не подошёл. Проверьте, что он скопирован целиком, или попросите новый у администратора.",
    ended: "Вы вышли или срок входа закончился. Войдите ещё раз.",
  },
  nav: { overview: "Обзор", companies: "Салоны", inbox: "Входящие", keys: "Ключи", audit: "Журнал" },
  roles: { viewer: "наблюдатель", operator: "оператор", admin: "администратор" },
  live: { on: "Обновляется само", off: "Нет живой связи: данные обновляются раз в минуту" },
  overview: {
    title: "Обзор", companies: "Салонов", online: "На связи", attention: "Нужен человек", reconnects: "Переподключений за сутки",
    firstQr: "До первого QR-кода", none: "—", seconds: "с", byState: "Сеансы по состоянию", byStatus: "Интеграции по статусу",
    funnel: "Путь подключения за сутки", onlineChart: "Сеансов на связи за сутки", trouble: "Обрывы и потери за сутки",
    lost: "обрывы связи", ended: "сеансы потеряны", webhooks: "Вебхуков обработано", failed: "с ошибкой", restoring: "Сеансы ещё поднимаются после запуска",
    asTable: "Таблицей", hour: "Час",
    steps: { redirected: "пришли из YClients", page_opened: "открыли страницу", qr_shown: "увидели код", paired: "отсканировали", online: "на связи", active: "подключены" },
  },
  list: {
    title: "Салоны", search: "Поиск по названию, номеру, телефону", status: "Интеграция", state: "Сеанс", any: "все", found: "Найдено: {n}",
    page: "Страница {page} из {pages}", next: "Дальше", previous: "Назад", empty: "Ничего не найдено. Уберите часть слов или фильтров.",
    columns: { company_id: "№", title: "Салон", salon_id: "YClients", status: "Интеграция", state: "Сеанс", whatsapp_phone: "WhatsApp", updated_at: "Изменён" },
    unnamed: "без названия", sortBy: "упорядочить: {name}", ascending: "по возрастанию", descending: "по убыванию",
  },
  company: {
    back: "Все салоны", session: "Сеанс", since: "с", reason: "Причина", retry: "Следующая попытка", action: "Что делать", timeline: "Что происходило",
    nothing: "Пока ничего не происходило.", details: "О салоне", activation: "Активация",
    buttons: { restart: "Перезапустить", unpark: "Снять с парковки", stop: "Остановить", logout: "Отвязать WhatsApp", activate: "Повторить активацию", qr: "Показать QR-код" },
    confirm: {
      stop: "Остановить сеанс? Владелец перестанет получать ответы, пока вы его не запустите.",
      logout: "Отвязать WhatsApp? Владельцу придётся сканировать код заново.",
    },
    yes: "Да", no: "Нет", done: "Сделано: {what}.", qrTitle: "Код для телефона владельца",
    qrHelp: "Попросите владельца открыть WhatsApp → Связанные устройства → Привязка устройства и отсканировать этот код с экрана. Осталось {seconds} с.",
    qrOver: "Код больше не действует. Нажмите «Показать QR-код» ещё раз.", qrScanned: "Телефон принял код.", readOnly: "Ваш ключ только смотрит: кнопки доступны оператору.",
    fields: {
      company_id: "Наш номер", salon_id: "Номер в YClients", session_id: "Сеанс", title: "Название", phone: "Телефон", email: "Почта", address: "Адрес", timezone: "Часовой пояс",
      integration_status: "Интеграция", whatsapp_phone: "WhatsApp", whatsapp_connected_at: "WhatsApp на связи с", connected_at: "Подключён", registered_at: "Последняя регистрация",
      created_at: "Первая регистрация", updated_at: "Изменён",
    },
  },
  client: {
    title: "WhatsApp и его клиент", coldSends: "Первые сообщения новым людям", cold: { allowed: "разрешены", stopped: "остановлены WhatsApp", unknown: "пока неизвестно" },
    timelock: "Запрет первых сообщений (463)", until: "до", untilUnknown: "WhatsApp не сказал, до какого времени", cap: "Квота новых чатов", renews: "обновится",
    levels: { none: "далеко до предела", first_warning: "WhatsApp предупредил", second_warning: "WhatsApp предупредил ещё раз", capped: "исчерпана" },
    passkey: "Ключ доступа", noPasskey: "не требуется",
    stages: { requested: "WhatsApp ждёт ключ доступа владельца", checking: "ответ проверяется", comparing: "владелец сравнивает коды", confirming: "телефон завершает" },
    egress: "Выход в сеть", ways: { direct: "напрямую, без прокси", default: "общий прокси", pool: "прокси из набора", own: "свой прокси" },
    restarts: { session: "Перезапуски сеанса", company: "Перезапуски салона целиком" }, left: "осталось {left} из {limit} на {seconds} с", lastCrash: "Последний сбой",
    numbers: "Соединения", numbersHint: "С начала сеанса на этом сервере, по последней проверке связи.", dialled: "Начато", ended: "Закончились", lastEnd: "Последнее закончилось", none: "пока нет",
    frames: "Кадры", bytes: "Данные", messages: "Сообщения", both: "получено {received}, отправлено {sent}",
    memory: "Память клиента", dropped: "Потеряно событий клиентом", throttled: "Придержано повторных отправок",
    ends: {
      closed: "закрыли мы", dial_failed: "не удалось соединиться", disconnected: "обрыв связи", service_error: "ошибка WhatsApp", silent: "нет признаков жизни", proxy_failed: "отказал прокси",
      restart_required: "WhatsApp попросил новое", qr_exhausted: "QR-код не отсканировали", replaced: "занял другой клиент", logged_out: "отвязан", banned: "временная блокировка", locked: "аккаунт закрыт",
      outdated: "клиент устарел", storage_failed: "отказало наше хранилище", crashed: "сбой нашего кода",
    },
  },
  inbox: {
    title: "Входящие вебхуки", shelf: "Полка", shelves: { dead: "Не удалось обработать", pending: "Ждут", done: "Обработаны", unverified: "Без ключа" },
    empty: "Здесь пусто.", replay: "Повторить", replayed: "Вебхук {id} снова ждёт обработки.", more: "Ещё", body: "Содержимое",
    columns: { id: "№", salon: "Салон", event: "Событие", received: "Пришёл", attempts: "Попыток", why: "Почему", act: "Действие" },
    reasons: { failed: "ошибка при каждой попытке", crashed: "сбой при каждой попытке", unreadable: "не читается" },
  },
  keys: {
    title: "Ключи", create: "Сделать ключ", name: "Кому", role: "Что может", expires: "Действует до (необязательно)", made: "Ключ готов. Скопируйте его сейчас: больше его не увидеть.",
    revoke: "Отозвать", confirm: "Отозвать ключ «{name}»? Он перестанет работать сразу и навсегда.", revoked: "отозван", expired: "истёк", active: "действует", never: "ещё нет",
    columns: { name: "Кому", hint: "Начало", role: "Может", created: "Сделан", used: "Последний раз", state: "Состояние", act: "Действие" },
  },
  audit: {
    title: "Журнал изменений", more: "Раньше", empty: "Пока никто ничего не менял.", columns: { at: "Когда", who: "Кто", what: "Что", company: "Салон", from: "Откуда", result: "Итог", change: "Было → стало" },
    results: { pending: "не закончено", done: "сделано", failed: "не вышло" },
  },
  states: {
    Idle: "не запущен", Connecting: "соединяется", AwaitingScan: "ждёт сканирования", AwaitingCode: "ждёт ввода кода", AwaitingPasskey: "ждёт ключа доступа", Pairing: "привязывается",
    Online: "на связи", Backoff: "переподключается", Deaf: "не отвечает", Replaced: "занят другим", LoggedOut: "отвязан", Banned: "заблокирован", Outdated: "устарел", Parked: "на парковке",
  },
  reasons: {
    network_lost: "обрыв связи", service_unavailable: "ошибка WhatsApp", restart_required: "WhatsApp попросил соединиться заново", connect_timeout: "соединились, но ответа нет", qr_exhausted: "QR-код не отсканировали",
    owner_left: "страницу никто не смотрит", stream_replaced: "занял другой клиент", device_removed: "отвязан на телефоне", temporary_ban: "временная блокировка", account_locked: "аккаунт закрыт",
    client_outdated: "WhatsApp не принимает эту версию", not_answering: "WhatsApp не отвечает", store_failed: "отказало наше хранилище", crashed_too_often: "слишком много сбоев подряд", frozen: "заморожен в YClients",
    uninstalled: "удалён в YClients", stopped: "остановлен человеком", proxy_failed: "отказал прокси", pairing_refused: "телефон отсканировал, WhatsApp отказал", passkey_refused: "ключ доступа не приняли",
    passkey_broken: "сбой при проверке ключа доступа", passkey_timed_out: "ключа доступа ждали слишком долго",
  },
  statuses: {
    pending: "начата", pending_whatsapp: "ждёт WhatsApp", activating: "активируется", active: "активна", activation_failed: "не активирована", frozen: "заморожена", uninstalled: "удалена",
  },
  events: {
    registration_started: "пришли из YClients", page_opened: "открыли страницу", qr_shown: "показан QR-код", pairing_code_shown: "показан код для ввода", whatsapp_paired: "телефон принял привязку",
    whatsapp_connected: "WhatsApp на связи", integration_activated: "интеграция активна", activation_failed: "активация не удалась", session_ended: "сеанс закончился", frozen: "заморожена в YClients",
    uninstalled: "удалена в YClients", unknown_webhook: "неизвестный вебхук",
  },
  errors: { network: "Сервер не отвечает. Проверьте связь и попробуйте ещё раз.", forbidden: "Этому ключу такое нельзя.", retry: "Повторить" },
};
