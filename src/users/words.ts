/**
 * What the generator makes its people of: a few names and places for each of some nationalities of the API, in
 * several scripts and with the oddities that the API's own have (stray spaces, zero-width characters, digits in names).
 */

/** In a pattern `#` is a digit and `@` a capital letter. */
export interface Nation {
  nat: string;
  country: string;
  male: readonly string[];
  female: readonly string[];
  last: readonly string[];
  streets: readonly string[];
  /** City and state. */
  places: readonly (readonly [city: string, state: string])[];
  /** A pattern of digits alone is sent as a number, unless it is told to be text. */
  postcode: string;
  postcodeIsText: boolean;
  phone: string;
  idName: string;
  id: string | null;
}

const split = (list: string) => list.split("|");
const places = (list: string) => split(list).map((place) => place.split("/") as [string, string]);

export const NATIONS: readonly Nation[] = [
  {
    nat: "US",
    country: "United States",
    male: split("Carter|Elijah|Marcus|Dwayne|Theodore|Wesley|Raul|Gordon"),
    female: split("Naomi|Bernice|Marjorie|Evelyn|Tamara|Gwendolyn|Ruby|Joann"),
    last: split("Hoffman|Castillo|Barnes|O'Connor|Stephens|Vasquez|Lowe|Fitzgerald|Mccoy"),
    streets: split("Ranchview Dr|Mockingbird Hill|W Sherman Dr|Saddle Dr|Royal Ln|Lone Wolf Trail|Daisy Dr"),
    places: places("Tulsa/Oklahoma|Spokane/Washington|Fort Wayne/Indiana|El Paso/Texas|Salem/Oregon|Boise/Idaho"),
    postcode: "#####",
    postcodeIsText: false,
    phone: "(###) ###-####",
    idName: "SSN",
    id: "###-##-####",
  },
  {
    nat: "GB",
    country: "United Kingdom",
    male: split("Alfie|Rhys|Duncan|Clive|Hamish|Owen"),
    female: split("Imogen|Fiona|Beatrice|Maisie|Gwen|Harriet"),
    last: split("Whitfield|MacDonald|Pritchard|Ashworth|Lloyd|Barrett-Jones"),
    streets: split("The Crescent|Mill Lane|Queensway|St. John’s Road|Station Road|Church Street"),
    places: places("Truro/Cornwall|Perth/Tayside|Swansea/West Glamorgan|City of London/Surrey|Ely/Cambridgeshire"),
    postcode: "@@# #@@",
    postcodeIsText: true,
    phone: "01### ######",
    idName: "NINO",
    id: "@@ ## ## ## @",
  },
  {
    nat: "FR",
    country: "France",
    male: split("Loïc|Gaëtan|Étienne|Maël|Clément|Noé"),
    female: split("Élise|Anaïs|Océane|Chloé|Maëlys|Zoé"),
    last: split("Lefèvre|Gauthier|Benoît|Marchand|Besançon|Le Gall"),
    streets: split("Rue de l'Abbaye|Place du 8 Février 1962|Avenue Jean-Jaurès|Quai Charles-de-Gaulle|Rue Pasteur"),
    places: places("Orléans/Loiret|Besançon/Doubs|Nîmes/Gard|Saint-Étienne/Loire|Mulhouse/Haut-Rhin"),
    postcode: "#####",
    postcodeIsText: false,
    phone: "0#-##-##-##-##",
    idName: "INSEE",
    id: "#############  ##",
  },
  {
    nat: "DE",
    country: "Germany",
    male: split("Jürgen|Götz|Lothar|Ansgar|Björn|Emil"),
    female: split("Käthe|Liselotte|Jördis|Ute|Sieglinde|Frieda"),
    last: split("Großmann|Müller|Köhler|von der Heide|Weiß|Schröder"),
    streets: split("Schloßstraße|Am Sportplatz|Gartenstraße|Kirchweg|Straße des 17. Juni"),
    places: places("Görlitz/Sachsen|Bad Homburg /Hessen|Lübeck/Schleswig-Holstein|Köln/Nordrhein-Westfalen"),
    postcode: "#####",
    postcodeIsText: true,
    phone: "0###-#######",
    idName: "",
    id: null,
  },
  {
    nat: "NO",
    country: "Norway",
    male: split("Håkon|Sindre|Åsmund|Trygve|Øystein"),
    female: split("Ingebjørg|Solveig|Åshild|Ragnhild|Tuva"),
    last: split("Ødegård|Bråthen|Nygård|Sæther|Haugen"),
    streets: split("Åsveien|Kirkegata|Sørkedalsveien|Nils Lauritssøns vei|Øvre Slottsgate"),
    places: places("Ålesund/Møre og Romsdal|Tromsø/Troms - Romsa|Bodø/Nordland|Årnes/Akershus"),
    postcode: "0###",
    postcodeIsText: true,
    phone: "########",
    idName: "FN",
    id: "###########",
  },
  {
    nat: "TR",
    country: "Turkey",
    male: split("Oğuzhan|Çağlar|İlker|Barış|Şükrü"),
    female: split("Gülşen|Özge|Ayşegül|Çiğdem|Işıl"),
    last: split("Yıldırım|Öztürk|Şahin|Güneş|Ağaoğlu"),
    streets: split("Atatürk Sk|Bağdat Cd|İstiklal Cd|Talak Göktepe Cd|Kuşdili Cd"),
    places: places("Eskişehir/Şanlıurfa|Muğla/Iğdır|Diyarbakır/Ağrı|Çankırı/Kırşehir"),
    postcode: "#####",
    postcodeIsText: false,
    phone: "(###)-###-####",
    idName: "",
    id: null,
  },
  {
    nat: "IR",
    country: "Iran",
    male: split("آرمان|پارسا|کیان|امیرعلی|سپهر"),
    female: split("نیلوفر|مهسا|آیلین|هستی|درسا"),
    last: split("یاسمی|موسوی|سهیلی‌راد|کریمی|نجاتی"),
    streets: split("میدان آزادی|شهید همت|ولی‌عصر|جمهوری اسلامی|۱۵ خرداد"),
    places: places("اسلام‌شهر/تهران|بندرعباس/هرمزگان|خرم‌آباد/لرستان|یزد/یزد"),
    postcode: "#####",
    postcodeIsText: false,
    phone: "0##-########",
    idName: "",
    id: null,
  },
  {
    nat: "UA",
    country: "Ukraine",
    male: split("Ярослав|Остап|Мирон|Любомир|Єгор"),
    female: split("Соломія|Зоряна|Дарина|Ганна|Мар'яна"),
    last: split("Шевчук|Гнатюк|Кравець|Їжакевич|Лисенко"),
    streets: split("Хрещатик|Вулиця Сонячна|Проспект Волі|Площа Ринок|Вулиця Йорданська"),
    places: places("Ужгород/Закарпатська|Чернігів/Полтавська|Євпаторія/Одеська|Львів/Львівська"),
    postcode: "#####",
    postcodeIsText: false,
    phone: "(0##) @##-####",
    idName: "",
    id: null,
  },
  {
    nat: "IN",
    country: "India",
    male: split("Ishaan|Devendra|Arjun|Kartik|Manoj"),
    female: split("Lakshmi|Anjali|Deepika|Saanvi|Meera"),
    last: split("Chatterjee|Prabhakaran|Naidu|Kulkarni|Bhat"),
    streets: split("Mahatma Gandhi Rd|Link Rd|Chandni Chowk|Residency Rd|Brigade Rd"),
    places: places("Mysore/Karnataka|Guntur/Andhra Pradesh|Puducherry/Dadra and Nagar Haveli|Kolkata/West Bengal"),
    postcode: "#####",
    postcodeIsText: false,
    phone: "7#########",
    idName: "UIDAI",
    id: "############",
  },
  {
    nat: "BR",
    country: "Brazil",
    male: split("João|Lázaro|Vinícius|Antônio|Benício"),
    female: split("Conceição|Luísa|Inês|Júlia|Vitória"),
    last: split("da Conceição|Araújo|Gonçalves|Brandão|Assunção"),
    streets: split("Rua São Luís|Avenida Vinícius de Morais|Rua Três|Rua Pará|Travessa dos Açores"),
    places: places("São João de Meriti/Sergipe|Belém/Pará|Cuiabá/Mato Grosso|Maceió/Espírito Santo"),
    postcode: "#####",
    postcodeIsText: false,
    phone: "(##) ####-####",
    idName: "CPF",
    id: "###.###.###-##",
  },
];
